"""The API does what its description says, whatever a program sends that has read nothing else."""

from __future__ import annotations

from typing import Any

import pytest
import schemathesis
from django.db import connection
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as bounded
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import positive_data_acceptance

from bisync.wsgi import application
from governance.actions import token_create
from governance.models import User
from governance.models.tokens import Scope
from governance.roles import Role
from tests.factories import make_member
from tests.hostile.site import Site, undone
from tests.ready import Ready

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

EXAMPLES = 8
MODES = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)


# What no schema can say: a cursor is opaque, and what texts and names may hold is for rules to judge.
RULED = {
    "cursor",
    "label",
    "meaning",
    "context",
    "formula",
    "owner",
    "why",
    "own",
    "choice",
    "changing",
    "model",
    "time",
    "group",
    "name",
    "slug",
    "rules",
    "note",
    "body",
    "query",
    "pull",
    "of",
    "fields",
    "low",
    "high",
}


def ruled(answer: Any) -> bool:
    """Whether a request was refused, by field, for what its description leaves open."""
    told = answer.json() if answer.status_code == 422 else {}
    fields = told.get("params", {}).get("fields", {})
    return bool(fields) and set(fields) <= RULED


class Fuzzer:
    """Programs of several people, and the description that they have."""

    def __init__(self, site: Site) -> None:
        viewer = make_member(site.project, Role.VIEWER)
        publisher = make_member(site.project, Role.PUBLISHER)
        people = (
            (site.maya, Scope.values),
            (publisher, Scope.values),
            (viewer, Scope.values),
            (site.tom, ["read"]),
        )
        self.tokens = [self._token(person, scopes) for person, scopes in people]
        self.site = site
        self.schema = schemathesis.openapi.from_wsgi(
            "/api/v1/schema/?format=json", application, headers=self.headers(self.tokens[0])
        )
        self.failures: dict[str, str] = {}

    @staticmethod
    def _token(person: User, scopes: Any) -> str:
        return token_create(user=person, name="script", scopes=scopes, days=1)[1]

    @staticmethod
    def headers(token: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {token}", "Accept-Encoding": "identity"}

    def real(self, operation: Any) -> dict[str, Any]:
        """Where the address of an operation leads to something."""
        site, path = self.site, operation.path
        known = {
            **site.arguments,
            "id": site.project.snapshots.get().pk if "/pulls/" in path else site.key(path),
            "unique_id": "model.shop.fct_orders",
            "number": (
                site.draft if path.endswith("{number}/") or "/items/" in path else site.reviewed
            ).number,
        }
        return {name: value for name, value in known.items() if f"{{{name}}}" in path}

    def try_out(self, operation: Any, mode: GenerationMode) -> None:
        """So many requests to one operation, most of them about what is there, by one person or another."""
        there = operation.as_strategy(generation_mode=mode, path_parameters=self.real(operation))
        anywhere = operation.as_strategy(generation_mode=mode)

        @bounded(
            max_examples=EXAMPLES,
            database=None,
            deadline=None,
            derandomize=True,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=st.one_of(there, there, anywhere), token=st.sampled_from(self.tokens))
        def send(case: Case, token: str) -> None:
            with undone():
                headers = self.headers(token)
                answer = case.call(headers=headers)
                try:
                    case.validate_response(
                        answer,
                        headers=headers,
                        excluded_checks=[positive_data_acceptance] if ruled(answer) else [],
                        transport_kwargs={"headers": headers},
                    )
                except FailureGroup as group:
                    for failure in group.exceptions:
                        self.failures[f"{operation.label} {type(failure).__name__}"] = str(failure)[:1500]

        send()


def test_schemathesis_finds_nothing(
    ready: Ready, data_dir: object, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    if connection.vendor == "sqlite":
        pytest.skip("the same requests are sent on PostgreSQL")
    settings.API_RATE = (1_000_000, 60)
    # Between two requests nothing is to be closed: the test is one transaction.
    monkeypatch.setattr(connection, "close_if_unusable_or_obsolete", lambda: None)
    fuzzer = Fuzzer(Site(ready))
    operations = [result.ok() for result in fuzzer.schema.get_all_operations()]

    for operation in operations:
        for mode in MODES:
            fuzzer.try_out(operation, mode)

    assert len(operations) > 30
    assert fuzzer.failures == {}
