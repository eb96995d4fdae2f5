"""The audit log: of a project for its auditors and admins, of the installation for whoever runs it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from bisync.lib import tables
from bisync.lib.web import go, page
from bisync.system import objects
from environments.models import Environment
from governance import actions, chain, deeds, history, permissions
from governance.forms import HistoryForm
from governance.history import Search
from governance.models import AuditEvent, Project
from governance.web import Request, for_operators, in_project

FIELDS = (
    *("id", "at", "person", "name", "action", "object", "called", "project", "environment"),
    *("before", "after", "request", "previous_hash", "hash"),
)


@dataclass(frozen=True, slots=True)
class _Row:
    """An event as the page shows it."""

    event: AuditEvent
    words: str
    changes: list[tuple[str, str, str]]
    object_url: str

    @classmethod
    def of(cls, event: AuditEvent, project: Project | None) -> _Row:
        before, after = event.before, event.after
        changes = [
            (name, _shown(before.get(name)), _shown(after.get(name)))
            for name in dict.fromkeys((*before, *after))
            if name not in before or name not in after or before[name] != after[name]
        ]
        url = _address("audit-object", project, event.target) if objects.has_page(event.target) else ""
        return cls(event, deeds.in_full(event.action, {**event.before, **event.after}), changes, url)


def _shown(value: object) -> str:
    """A value as people read it; "" where there is none."""
    if value is None or isinstance(value, str):
        return value or ""
    return json.dumps(value, ensure_ascii=False)


@require_safe
@in_project
def log(request: Request, project: Project) -> HttpResponse:
    """What was done in a project."""
    permissions.require(request.user, "audit.view", project)
    return _log(request, project)


@require_safe
@for_operators
def system_log(request: Request) -> HttpResponse:
    """What was done in the whole installation."""
    return _log(request, None)


def _log(request: Request, project: Project | None) -> HttpResponse:
    form = _form(request, project)
    search, cut = _search(form, project)
    before, after = (_number(request.GET.get(name, "")) for name in ("before", "after"))
    shown = history.page_of(search, before=before, after=after) if search else history.Page([], None, None)
    asked = form.asked
    query = f"?{urlencode(asked)}&" if asked else "?"
    return page(
        request,
        "bisync/audit_log.html",
        {
            "project": project,
            "form": form,
            "rows": [_Row.of(event, project) for event in shown.events],
            "asked": asked,
            "cut": cut,
            "here": _address("audit", project),
            "older_url": f"{query}before={shown.older}" if shown.older else "",
            "newer_url": f"{query}after={shown.newer}" if shown.newer else "",
            "chain": history.chain(),
            "export_url": f"{_address('audit-export', project)}?{urlencode(asked)}",
            "verify_url": _address("audit-verify", project),
        },
        status=422 if form.errors else 200,
    )


def _form(request: Request, project: Project | None) -> HistoryForm:
    places = Environment.objects.filter(project=project) if project else Environment.objects.all()
    names = places.order_by("position", "slug").values_list("slug", "name")
    # Those of one short name in several projects are one choice.
    return HistoryForm(request.GET, environments=dict(reversed(names)))


def _search(form: HistoryForm, project: Project | None) -> tuple[Search | None, bool]:
    """What is looked for, and whether more is called so than is looked for."""
    if not form.is_valid():
        return None, False
    asked = form.cleaned_data
    actors, more_actors = history.actors(asked["person"].strip())
    named = objects.named(asked["object"].strip(), project)
    search = Search(
        project=project,
        actors=actors,
        targets=named.keys,
        holders=named.people,
        deed=asked["action"],
        environment=asked["environment"],
        since=asked["since"],
        until=asked["until"],
    )
    return search, more_actors or named.cut


def _number(text: str) -> int | None:
    return int(text) if text.isdecimal() and len(text) < 19 else None


def _address(view: str, project: Project | None, *arguments: str) -> str:
    if project is None:
        return reverse(f"system-{view}", args=arguments)
    return reverse(view, args=[project.slug, *arguments])


# -- From a row to what it is about ---------------------------------------------------------------------


@require_safe
@in_project
def thing(request: Request, project: Project, key: str) -> HttpResponse:
    """The page of what an event is about."""
    permissions.require(request.user, "audit.view", project)
    return _thing(key, project)


@require_safe
@for_operators
def system_thing(_request: Request, key: str) -> HttpResponse:
    """The page of what an event is about, in whichever project."""
    return _thing(key, None)


def _thing(key: str, project: Project | None) -> HttpResponse:
    url = objects.address_of(key, project)
    if not url:
        raise Http404
    return redirect(url)


# -- Taking a copy --------------------------------------------------------------------------------------


@require_POST
@in_project
def export(request: Request, project: Project) -> HttpResponseBase:
    """The filtered log of a project as a file."""
    permissions.require(request.user, "audit.view", project)
    return _export(request, project)


@require_POST
@for_operators
def system_export(request: Request) -> HttpResponseBase:
    """The filtered log of the installation as a file."""
    return _export(request, None)


def _export(request: Request, project: Project | None) -> HttpResponseBase:
    form = _form(request, project)
    search, _cut = _search(form, project)
    if search is None:
        return redirect(f"{_address('audit', project)}?{request.GET.urlencode()}")
    kind = "json" if request.POST.get("format") == "json" else "csv"
    upto = actions.log_exported(project=project, asked=form.asked, format=kind, actor=request.user)
    rows = _exported(search, upto)
    if kind == "json":
        lines, content_type = tables.as_json(rows), "application/json"
    else:
        flat = (["" if row[name] is None else _flat(row[name]) for name in FIELDS] for row in rows)
        lines, content_type = tables.as_csv(FIELDS, flat), "text/csv; charset=utf-8"
    name = f"audit-{project.slug if project else 'bisync'}-{timezone.localdate().isoformat()}.{kind}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return StreamingHttpResponse(lines, content_type=content_type, headers=headers)


def _exported(search: Search, upto: int) -> Iterator[dict[str, Any]]:
    for events in history.chunks(search, upto):
        for event in events:
            yield dict(
                zip(
                    FIELDS,
                    (
                        *(event.pk, event.at.isoformat(), event.actor and event.actor.email),
                        *(event.actor and event.actor.name, event.action, event.target, event.label),
                        *(event.project and event.project.slug, event.environment, event.before),
                        *(event.after, event.request_id, event.previous_hash, event.hash),
                    ),
                    strict=True,
                )
            )


def _flat(value: object) -> object:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else value


# -- The chain ------------------------------------------------------------------------------------------


@require_POST
@in_project
def verify(request: Request, project: Project) -> HttpResponse:
    """Go on with verifying the log."""
    permissions.require(request.user, "audit.view", project)
    return _verify(request, project)


@require_POST
@for_operators
def system_verify(request: Request) -> HttpResponse:
    """Go on with verifying the log, or begin anew."""
    return _verify(request, None)


def _verify(request: Request, project: Project | None) -> HttpResponse:
    anew = "anew" in request.POST and bool(permissions.operates(request.user))
    if chain.verify(anew=anew).told:
        say, level = _("The chain is broken: rows were changed or removed beside Bisync."), messages.ERROR
    else:
        say, level = (
            _("Verified. What is left of a long log is verified in the background."),
            messages.SUCCESS,
        )
    return go(request, _address("audit", project), say=say, level=level)
