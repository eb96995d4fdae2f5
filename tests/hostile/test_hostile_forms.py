"""Every field of every form, whoever adds it, gets every hostile text."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from django import forms
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.utils.http import url_has_allowed_host_and_scheme

from bisync import middleware
from bisync.lib import web
from bisync.lib.errors import InvalidInput
from environments.actions import environment_save
from governance.actions import person_add, project_create
from tests.factories import make_environment
from tests.hostile.site import PAGES, Reads, Site, undone
from tests.hostile.texts import CANARY, MARKER, SHOWN, TEXTS, harm
from tests.ready import Ready

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

# With these a page answers; anything else, and above all 500, is a fault.
ANSWERS = {200, 204, 286, 302, 400, 403, 404, 409, 410, 413, 422, 429}
PARTS = 4
# They read what another address reads as well: proposal-save.
SAME_FORM = {"proposal-edit", "proposal-preview"}


@pytest.fixture
def site(ready: Ready, data_dir: object, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setenv("CANARY", CANARY)
    MARKER.unlink(missing_ok=True)
    yield Site(ready)
    MARKER.unlink(missing_ok=True)


class Walk:
    """One address, what it reads of a form, and what is wrong with its answers."""

    def __init__(self, site: Site, reads: Reads, address: tuple[str, tuple[str, ...]]) -> None:
        self.site, self.reads = site, reads
        self.name, arguments = address
        self.path = site.path(self.name, arguments)
        self.faults: list[str] = []
        self.fields = self._fields()

    def _fields(self) -> set[str]:
        with undone():
            answer = self.reads.of(lambda: self.post({}))
        names = set(self.reads.names)
        if answer.status_code == 405:
            return set()
        for _more in range(2):  # some are read only where others make sense
            with undone():
                answer = self.reads.of(partial(self.post, self.site.sent(self.name, names)))
            names |= self.reads.names
        assert answer.status_code in {200, 302, 409}, (
            f"{self.name} refuses what means no harm: which of {sorted(names)} lacks a value in tests.hostile.site?"
        )
        return names

    def post(self, sent: dict[str, Any], *, follow: bool = False) -> HttpResponse:
        return self.site.client(self.name).post(self.path, {**sent, "x": "x"}, follow=follow)

    def try_out(self, label: str, text: str, *, shown: bool) -> None:
        """Send a text in every field; then in those that were not refused, until none is."""
        hostile = self.fields - {"version", "act"}
        while hostile:
            sent = {**self.site.sent(self.name, self.fields), **dict.fromkeys(hostile, text)}
            with undone():
                answer = self.post(sent, follow=shown)
                self._judge(f"{self.name} <- {label}", answer, sent)
            refused = set(problems_of(answer)) & hostile
            if answer.status_code != 422 or not refused:
                return
            hostile -= refused

    def _judge(self, what: str, answer: HttpResponse, sent: dict[str, Any]) -> None:
        if answer.status_code not in ANSWERS:
            error = getattr(answer, "exc_info", None)
            self.faults.append(f"{what}: {answer.status_code} {error[1] if error else ''!r}")
            return
        self.faults += [f"{what}: {found}" for found in harm(answer.getvalue().decode())]
        if answer.status_code == 302 and not url_has_allowed_host_and_scheme(
            answer["Location"], {"testserver"}
        ):
            self.faults.append(f"{what}: sends away to {answer['Location']}")
        if answer.status_code != 422:
            return
        if not problems_of(answer):
            self.faults.append(f"{what}: refused without a sentence")
        kept = typed_in(answer)
        self.faults += [
            f"{what}: refused, and what was typed in {name} is gone"
            for name, text in kept.items()
            if name in sent and name != "seen" and text != sent[name]  # which nobody types
        ]


def context_of(answer: HttpResponse) -> Any:
    """What a view gave its template."""
    return getattr(answer, "shown", None) or answer.context or {}


def problems_of(answer: HttpResponse) -> dict[str, list[str]]:
    """The sentences beside the fields, or those of a page that says nothing else."""
    context = context_of(answer)
    form = context.get("form")
    if isinstance(form, forms.BaseForm):
        return {name: [str(one) for one in sentences] for name, sentences in form.errors.items()}
    if context.get("error"):
        return {"": [str(context["error"])]}
    problems = context.get("problems")
    return {name: found for name, found in problems.items() if found} if isinstance(problems, dict) else {}


def typed_in(answer: HttpResponse) -> dict[str, str]:
    """What the page has in its text fields."""
    context = context_of(answer)
    form = context.get("form")
    if isinstance(form, forms.BaseForm):
        return {
            name: form[name].value()
            for name, field in form.fields.items()
            if isinstance(field, forms.CharField)
            and not isinstance(field, forms.JSONField)
            and not isinstance(field.widget, forms.PasswordInput)
        }
    return {name: context["typed"][name] for name in problems_of(answer) if name in context.get("typed", {})}


def without_templates(
    _request: HttpRequest, _template: str, context: dict[str, Any], *, status: int = 200
) -> HttpResponse:
    """What a view wants to show, unshown."""
    answer = HttpResponse(status=status)
    answer.shown = context  # type: ignore[attr-defined]
    return answer


def test_there_is_enough_to_type() -> None:
    assert len(set(TEXTS.values())) == len(TEXTS) >= 60


@pytest.mark.parametrize("part", range(PARTS))
def test_each_text_is_refused_with_a_sentence_or_does_nothing(
    site: Site, monkeypatch: pytest.MonkeyPatch, part: int
) -> None:
    reads, faults = Reads(monkeypatch), []
    walks = [walk for address in PAGES[part::PARTS] if (walk := Walk(site, reads, address)).fields]
    # A page treats all texts alike whatever the database, and costs the most: a few are shown, on SQLite. The
    # others are followed up to its template.
    for walk in walks if connection.vendor == "sqlite" else ():
        for label, text in SHOWN.items():
            walk.try_out(label, text, shown=True)
    for module in (web, middleware):
        monkeypatch.setattr(module, "render", without_templates)
    # The same code refuses them whatever the database: each form gets a share on SQLite, the rest on PostgreSQL.
    on_sqlite = dict(list(TEXTS.items())[part::PARTS])
    rest = {label: text for label, text in TEXTS.items() if label not in on_sqlite}
    texts = list((rest if connection.vendor == "postgresql" else on_sqlite).items())
    for walk in walks:
        for label, text in texts:
            if walk.name not in SAME_FORM:
                walk.try_out(label, text, shown=False)
        faults += walk.faults
    assert faults == []


@pytest.mark.parametrize(
    "name", ["Eve\n\nBisync-Content: 0000", "Eve\u2028Approved-by: Tom", "Eve \u202egnp.exe", "Eve\x1b[2K"]
)
def test_a_name_is_one_line_of_which_everybody_sees_the_same(site: Site, name: str) -> None:
    """It stands in a commit's trailers, in logs, and in lists of who approved what."""
    environment = make_environment(site.project)
    environment.name = name
    for act in (
        lambda: person_add(email="eve@example.com", name=name, actor=site.boss),
        lambda: project_create(slug="eve", name=name, actor=site.boss),
        lambda: environment_save(environment=environment, values={}, actor=site.maya),
    ):
        with pytest.raises(InvalidInput) as refused:
            act()
        assert list(refused.value.fields) == ["name"]
