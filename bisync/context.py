"""What every template may show: the frame around the page."""

from __future__ import annotations

from dataclasses import dataclass

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _

from bisync.lib.numbers import CURRENCY
from bisync.lib.shell import EnvironmentLink, NavLink, Shell
from environments.connecting import STEPS
from environments.freshness import promised_in
from environments.models import Environment
from environments.selectors import known_environments
from governance.models import Project, User
from governance.permissions import decide, operates
from notify.selectors import unread_count
from proposals.selectors import needing

# After G, the key that goes to a page of the navigation.
GO = {"project": "h", "metrics": "m", "proposals": "p", "pulls": "s", "environments": "e", "catalogue": "c"}

# The pages of connecting a project.
WAY = tuple(f"connect-{slug}" for slug, _label, _kind in STEPS)


def shell(request: HttpRequest) -> dict[str, object]:
    """`shell`, an instance of `bisync.lib.shell.Shell`."""
    return {"shell": shell_of(request)}


def shell_of(request: HttpRequest) -> Shell:
    """The frame of this request's page, put together once. Amounts are in its project's currency."""
    CURRENCY.set(getattr(getattr(request, "project", None), "currency", ""))
    made = getattr(request, "shell", None)
    if not isinstance(made, Shell):
        made = request.shell = _made(request)  # type: ignore[attr-defined]
    return made


def _made(request: HttpRequest) -> Shell:
    user = getattr(request, "user", None)
    if not isinstance(user, User):
        return Shell()
    project = getattr(request, "project", None)
    if not isinstance(project, Project):
        return Shell(
            theme=user.theme,
            nav=_own_nav(request, user),
            shortcuts=user.shortcuts,
            audit_url=reverse("system-audit") if operates(user) else "",
            unread=unread_count(user),
            here=request.get_full_path(),
        )
    every = known_environments(project)
    here = _here(request, project, every)
    return Shell(
        project_name=project.name,
        project_url=reverse("project", args=[project.slug]),
        search_url=reverse("search", args=[project.slug]),
        environment=next((link for link in _links(request, project, every, here) if link.current), None),
        environments=_links(request, project, every, here),
        promised=promised_in(*every),
        nav=_nav(request, project, user, here),
        theme=user.theme,
        shortcuts=user.shortcuts,
        audit_url=reverse("audit", args=[project.slug]) if decide(user, "audit.view", project) else "",
        unread=unread_count(user),
        here=request.get_full_path(),
    )


def _here(request: HttpRequest, project: Project, every: list[Environment]) -> Environment | None:
    """The environment of the address; else the one looked at last, production to begin with."""
    named = getattr(request, "environment", None)
    if isinstance(named, Environment):
        return named
    last = request.session.get(f"environment:{project.pk}")
    by_slug = {e.slug: e for e in every}
    return by_slug.get(last or "") or next((e for e in every if e.kind == "production"), None)


def _links(
    request: HttpRequest, project: Project, every: list[Environment], here: Environment | None
) -> tuple[EnvironmentLink, ...]:
    match = request.resolver_match
    links = []
    for environment in every:
        kwargs = dict(match.kwargs) if match else {}
        if match and match.url_name and "environment" in kwargs and request.method == "GET":
            url = reverse(match.url_name, kwargs={**kwargs, "environment": environment.slug})
        else:
            url = reverse("metrics", args=[project.slug, environment.slug])
        links.append(
            EnvironmentLink(
                slug=environment.slug,
                name=environment.name,
                kind=environment.kind,
                url=url,
                version=f"v{environment.live.number}" if environment.live else _("not built yet"),
                current=here is not None and environment.pk == here.pk,
            )
        )
    return tuple(links)


def _nav(request: HttpRequest, project: Project, user: User, here: Environment | None) -> tuple[NavLink, ...]:
    slug, waiting = project.slug, needing(user, project).count()
    change, govern = _("Change"), _("Govern")
    entries = [
        _Entry("project", _("Home"), "house"),
        _Entry("catalogue", _("Catalogue"), "library", also=("node", "lineage")),
        _Entry("proposals", _("Proposals"), "git-pull-request-arrow", change,
               count=waiting, also=("proposal", "proposal-edit")),
        _Entry("pulls", _("Sync"), "refresh-cw", change, also=("pull-detail", "automatic-pulls")),
        _Entry("environments", _("Environments"), "server", change,
               also=("environment-new", "environment-edit", "environment-schedule", "environment-sources")),
        _Entry("quality", _("Data quality"), "shield-check", govern),
        _Entry("project-health", _("Health check"), "heart-pulse", govern),
        _Entry("runs", _("Runs"), "list-checks", govern, also=("run", "queues")),
        _Entry("people", _("People"), "users", govern, also=("member", "member-add", "member-link")),
    ]  # fmt: skip
    if here is not None:
        metrics = _Entry(
            "metrics", _("Metrics"), "sigma", arguments=(here.slug,), also=("metric", "formulas")
        )
        entries.insert(1, metrics)
    if decide(user, "audit.view", project):
        entries.append(_Entry("audit", _("Audit log"), "history", govern))
    if decide(user, "repository.configure", project):
        entries.append(_Entry("repository", _("Repository"), "settings", govern, also=WAY))
    return tuple(entry.link(request, slug) for entry in entries)


def _own_nav(request: HttpRequest, user: User) -> tuple[NavLink, ...]:
    """Outside a project: one's own pages, and for whoever runs the installation its console."""
    account, system = _("Your account"), _("Installation")
    entries = [
        _Entry("home", _("Projects"), "folder-git-2", also=("connect",)),
        _Entry("notifications", _("Notifications"), "bell", account, also=("notification-choices",)),
        _Entry("tokens", _("API tokens"), "key-round", account),
        _Entry("password", _("Password"), "lock-keyhole", account),
    ]
    if operates(user):
        entries += [
            _Entry("system", _("Overview"), "layout-dashboard", system),
            _Entry("system-people", _("People"), "users", system,
                   also=("system-person", "system-person-add", "system-person-link")),
            _Entry("system-repositories", _("Repositories"), "folder-git-2", system),
            _Entry("system-environments", _("Environments"), "server", system),
            _Entry("system-runs", _("Runs"), "list-checks", system),
            _Entry("system-queues", _("Queues"), "layers", system),
            _Entry("system-audit", _("Audit log"), "history", system),
            _Entry("system-health", _("Health"), "heart-pulse", system),
            _Entry("system-settings", _("Settings"), "sliders-horizontal", system),
            _Entry("system-tokens", _("All API tokens"), "key-round", system),
        ]  # fmt: skip
    return tuple(entry.link(request) for entry in entries)


@dataclass(frozen=True, slots=True)
class _Entry:
    """One place to go. It is the current one on the page `view` and on those that it leads to: `also`."""

    view: str
    label: str
    icon: str
    group: str = ""
    count: int = 0
    arguments: tuple[str, ...] = ()
    also: tuple[str, ...] = ()

    def link(self, request: HttpRequest, *first: str) -> NavLink:
        name = request.resolver_match.url_name if request.resolver_match else ""
        return NavLink(
            label=self.label,
            url=reverse(self.view, args=[*first, *self.arguments]),
            icon=self.icon,
            group=self.group,
            count=self.count,
            current=name in {self.view, *self.also},
            key=GO.get(self.view, ""),
        )
