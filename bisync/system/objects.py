"""What the audit log's keys stand for: `proposal:12` is a page, and a name that people look for."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from django.db import models
from django.db.models import CharField, F, Q, QuerySet, Value, Window
from django.db.models.fields.json import KT
from django.db.models.functions import Cast, Concat, RowNumber

from catalog.models import Snapshot
from environments.models import Deployment, Environment
from governance.models import ApiToken, AuditEvent, Project, User
from proposals.models import Item, Proposal
from semantic.models import Definition
from workspace.models import Connection, Drain, Hold, Repository, Run

_KEY = re.compile(r"([a-z]+):(\d{1,18})")
# How many records of one name are looked up.
MOST = 100

# What an event may be about, with what its address needs to know.
_PAGES: dict[str, QuerySet[models.Model]] = {
    kind._meta.model_name or "": kind._default_manager.select_related(*related)
    for kind, related in (
        (ApiToken, ("user",)),
        (Connection, ("project",)),
        (Definition, ("project",)),
        (Deployment, ("environment__project",)),
        (Drain, ()),
        (Environment, ("project",)),
        (Hold, ("project",)),
        (Project, ()),
        (Proposal, ("project",)),
        (Repository, ("project",)),
        (Run, ("project",)),
        (Snapshot, ("project",)),
        (User, ()),
    )
}
# A password that no key opens must not close the way to its page.
_PAGES["connection"] = _PAGES["connection"].defer("password")
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


@dataclass(frozen=True, slots=True)
class Named:
    """What a text stands for: keys (None: whatever there is), and the addresses of the people among them.

    `cut` says that more is called so than is looked up.
    """

    keys: Collection[str] | None
    people: Collection[str] = ()
    cut: bool = False


def has_page(key: str) -> bool:
    """Whether what a key names is of a kind that has a page."""
    match = _KEY.fullmatch(key)
    return match is not None and match[1] in _PAGES


def address_of(key: str, project: Project | None) -> str:
    """The page of what a key names, "" where it has none, is gone, or belongs to another project."""
    if not has_page(key):
        return ""
    kind, _colon, pk = key.partition(":")
    found = _PAGES[kind].all().filter(pk=pk).first()
    if found is None or (project is not None and getattr(found, "project", None) != project):
        return ""
    return str(found.get_absolute_url())  # type: ignore[attr-defined]


def named(text: str, project: Project | None) -> Named:
    """What is called so, or the one whose key was given; of too many the newest of each kind.

    A metric's story is told by its proposals, so theirs belong to it.
    """
    if not text:
        return Named(None)
    if _KEY.fullmatch(text):
        found = [text]
    else:
        rows = [_called(kind, fields, text, project) for kind, fields in _NAMES.items()]
        newest = rows[0].union(*rows[1:], all=True).order_by("rank")
        found = [key for key, _rank in newest[: MOST + 1]]
    told = found[:MOST]
    stories: list[str] = []
    if metrics := _numbers("definition", told):
        items = Item.objects.filter(revision__definition__in=metrics).order_by("-proposal")
        proposals = items.values_list("proposal", flat=True).distinct()[: MOST + 1]
        stories = [f"proposal:{proposal}" for proposal in proposals]
    people = _numbers("user", told)
    return Named(
        [*told, *stories[:MOST]],
        list(User.objects.filter(pk__in=people).values_list("email", flat=True)) if people else [],
        cut=max(len(found), len(stories)) > MOST,
    )


def _numbers(kind: str, found: Collection[str]) -> list[int]:
    """The numbers of the keys of one kind."""
    return [int(key.partition(":")[2]) for key in found if key.startswith(f"{kind}:")]


def _called(
    kind: type[models.Model], fields: Collection[str], text: str, project: Project | None
) -> QuerySet[models.Model, tuple[str, int]]:
    """The keys of what is called so, and each one's rank among its kind: the newest first."""
    rows = kind._default_manager.order_by()
    for word in text.split():
        said = Q()
        for field in fields:
            said |= Q(**{f"{field}__icontains": word})
        rows = rows.filter(said)
    if project is not None:
        rows = rows.filter(_within(kind, project))
    key = Concat(Value(f"{kind._meta.model_name}:"), Cast("pk", CharField()), output_field=CharField())
    rank = Window(RowNumber(), order_by=F("pk").desc())
    found: QuerySet[models.Model, tuple[str, int]] = rows.annotate(key=key, rank=rank).values_list(
        "key", "rank"
    )
    return found


def _within(kind: type[models.Model], project: Project) -> Q:
    """What of a kind belongs to a project; whoever left it was there once."""
    if kind is Project:
        return Q(pk=project.pk)
    if kind is not User:
        return Q(project=project)
    left = AuditEvent.objects.filter(project=project, action="role.revoked")
    return Q(pk__in=project.memberships.values("user")) | Q(email__in=left.values_list(KT("before__person")))
