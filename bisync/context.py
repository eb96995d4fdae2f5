"""What every template may show: the frame around the page."""

from __future__ import annotations

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _

from bisync.lib.shell import EnvironmentLink, NavLink, Shell
from environments.models import Environment
from environments.selectors import environments_of
from governance.models import Project, User
from governance.permissions import decide
from proposals.selectors import needing


def shell(request: HttpRequest) -> dict[str, object]:
    """`shell`, an instance of `bisync.lib.shell.Shell`."""
    user = getattr(request, "user", None)
    if not isinstance(user, User):
        return {"shell": Shell()}
    project = getattr(request, "project", None)
    if not isinstance(project, Project):
        return {"shell": Shell(theme=user.theme)}
    every = list(environments_of(project))
    here = _here(request, project, every)
    return {
        "shell": Shell(
            project_name=project.name,
            project_url=reverse("project", args=[project.slug]),
            environment=next((link for link in _links(request, project, every, here) if link.current), None),
            environments=_links(request, project, every, here),
            nav=_nav(request, project, user, here),
            theme=user.theme,
        )
    }


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
    name = request.resolver_match.url_name if request.resolver_match else ""
    waiting = needing(user, project).count()
    entries: list[tuple[str, str, str, str, list[str], int, set[str]]] = [
        ("project", _("Home"), "house", "", [], 0, {"project"}),
        ("proposals", _("Proposals"), "git-pull-request-arrow", _("Change"), [], waiting,
         {"proposals", "proposal", "proposal-edit"}),
        ("pulls", _("Sync"), "refresh-cw", _("Change"), [], 0, {"pulls", "runs", "run"}),
        ("environments", _("Environments"), "server", _("Change"), [], 0,
         {"environments", "environment-new", "environment-edit"}),
    ]  # fmt: skip
    if here is not None:
        entries.insert(1, ("metrics", _("Metrics"), "sigma", "", [here.slug], 0, {"metrics", "metric"}))
    if decide(user, "repository.configure", project):
        entries.append(("repository", _("Repository"), "settings", _("Govern"), [], 0, {"repository"}))
    return tuple(
        NavLink(
            label=label,
            url=reverse(view, args=[project.slug, *extra]),
            icon=icon,
            group=group,
            count=count,
            current=name in names,
        )
        for view, label, icon, group, extra, count, names in entries
    )
