"""What the audit log's keys stand for: `proposal:12` is a page, and a name that people look for."""

from __future__ import annotations

import re
from collections.abc import Collection

from django.db import models
from django.db.models import CharField, Q, QuerySet, Value
from django.db.models.functions import Cast, Concat

from catalog.models import Snapshot
from environments.models import Deployment, Environment
from governance.models import ApiToken, Project, User
from proposals.models import Item, Proposal
from semantic.models import Definition
from workspace.models import Connection, Drain, Repository, Run

_KEY = re.compile(r"([a-z]+):(\d{1,18})")
# How many records of one name are looked up.
MOST = 100

# What an event may be about, with what its address needs to know.
_PAGES: dict[str, QuerySet[models.Model]] = {
    kind._meta.model_name or "": kind._default_manager.select_related(*related)
    for kind, related in (
        (ApiToken, ("user",)),
        (Definition, ("project",)),
        (Deployment, ("environment__project",)),
        (Drain, ()),
        (Environment, ("project",)),
        (Project, ()),
        (Proposal, ("project",)),
        (Repository, ("project",)),
        (Run, ("project",)),
        (Snapshot, ("project",)),
        (User, ()),
    )
}
# What people look for by its name, and where that is written.
_NAMES: dict[type[models.Model], tuple[str, ...]] = {
    Connection: ("name",),
    Definition: ("label", "name"),
    Environment: ("name", "slug"),
    Project: ("name", "slug"),
    Proposal: ("title",),
    Repository: ("url",),
    User: ("name", "email"),
}


def address_of(key: str, project: Project | None) -> str:
    """The page of what a key names, "" where it has none, is gone, or belongs to another project."""
    match = _KEY.fullmatch(key)
    if match is None or match[1] not in _PAGES:
        return ""
    found = _PAGES[match[1]].all().filter(pk=match[2]).first()
    if found is None or (project is not None and getattr(found, "project", None) != project):
        return ""
    return str(found.get_absolute_url())  # type: ignore[attr-defined]


def keys(text: str, project: Project | None) -> Collection[str] | None:
    """The keys of what is called so, or the one that was given; None where nothing was.

    A metric's story is told by its proposals, so theirs belong to it.
    """
    if not text:
        return None
    if _KEY.fullmatch(text):
        named = [text]
    else:
        found = [_named(kind, fields, text, project) for kind, fields in _NAMES.items()]
        named = list(found[0].union(*found[1:])[:MOST])
    metrics = [int(key.partition(":")[2]) for key in named if key.startswith("definition:")]
    if not metrics:
        return named
    items = Item.objects.filter(revision__definition__in=metrics).values_list("proposal", flat=True)
    return [*named, *(f"proposal:{proposal}" for proposal in items[:MOST])]


def _named(
    kind: type[models.Model], fields: Collection[str], text: str, project: Project | None
) -> QuerySet[models.Model, str]:
    rows = kind._default_manager.order_by()
    for word in text.split():
        said = Q()
        for field in fields:
            said |= Q(**{f"{field}__icontains": word})
        rows = rows.filter(said)
    if project is not None:
        own: dict[type[models.Model], dict[str, object]] = {
            Project: {"pk": project.pk},
            User: {"memberships__project": project},
        }
        rows = rows.filter(**own.get(kind, {"project": project}))
    key = Concat(Value(f"{kind._meta.model_name}:"), Cast("pk", CharField()), output_field=CharField())
    return rows.values_list(key, flat=True)
