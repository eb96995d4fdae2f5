"""One search over everything that has a page: pages, metrics, proposals, and one's own recent work."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from django.db.models import Case, IntegerField, Q, QuerySet, Value, When
from django.urls import reverse
from django.utils.text import Truncator
from django.utils.translation import gettext as _

from bisync.lib.search import every_word
from bisync.lib.shell import Shell
from catalog.models import SearchEntry
from catalog.selectors import found_nodes
from catalog.standing import NOTHING, Standing, standings
from catalog.words import COLUMN
from governance.models import Project, User
from governance.permissions import decide
from insights.selectors import metrics_of, searched
from proposals.models import Proposal
from semantic.models import Definition, DefinitionState


@dataclass(frozen=True, slots=True)
class Found:
    """One thing with a page of its own."""

    label: str
    url: str
    icon: str
    detail: str = ""
    node: str = ""
    standing: Standing = NOTHING


@dataclass(frozen=True, slots=True)
class Group:
    """What was found of one kind, the best first; `more` where there is more than is shown."""

    label: str
    found: Sequence[Found]
    more: bool = False


def search(text: str, *, project: Project, user: User, shell: Shell, most: int) -> list[Group]:
    """What fits the words, at most so much of a kind; a kind with a hit that begins so comes first.

    Without a word it is one's own recent work, and all pages.
    """
    pages = _pages(project, user, shell)
    if not text:
        return _some(
            _group(_("Your recent work"), _proposals(project, user, _touched(user), most), most),
            Group(_("Pages"), pages),
        )
    words = text.casefold().split()
    fitting = [page for page in pages if all(word in page.label.casefold() for word in words)]
    number = _numbered(text)
    named = every_word(text, "title", "author__name") | number
    groups = _some(
        _group(_("Pages"), fitting, most),
        _group(_("Metrics"), _metrics(project, shell, text, most), most),
        _group(_("Proposals"), _proposals(project, user, named, most, best=number), most),
        _group(_("Catalogue"), _nodes(project, text, most), most),
    )
    ordered = sorted(groups, key=lambda group: not _begins(group.found[0].label, text))
    keys = {one.node for group in groups for one in group.found if one.node}
    stands = standings(project, keys, promised=shell.promised)
    return [
        replace(group, found=[replace(one, standing=stands.of(one.node)) for one in group.found])
        for group in ordered
    ]


def _group(label: str, found: Sequence[Found], most: int) -> Group:
    return Group(label, found[:most], more=len(found) > most)


def _some(*groups: Group) -> list[Group]:
    return [group for group in groups if group.found]


def _begins(label: str, text: str) -> bool:
    return label.casefold().startswith(text.casefold())


def _first(best: Q) -> Case:
    """Sorts those to which it applies before the others."""
    return Case(When(best, then=Value(0)), default=Value(1), output_field=IntegerField())


def _pages(project: Project, user: User, shell: Shell) -> list[Found]:
    """Where the navigation leads, the same page in other environments, and what the menus hold."""
    pages = [Found(link.label, link.url, link.icon) for link in shell.nav]
    if shell.environment is not None and decide(user, "proposal.create", project):
        start = reverse("propose", args=[project.slug, shell.environment.slug])
        pages.append(Found(_("Propose a metric"), start, "plus"))
    pages.append(Found(_("Formula functions"), reverse("formulas", args=[project.slug]), "square-function"))
    others = [link for link in shell.environments if not link.current]
    pages += [
        Found(
            _("Metrics in %(name)s") % {"name": link.name},
            reverse("metrics", args=[project.slug, link.slug]),
            "sigma",
        )
        for link in others
    ]
    return [
        *pages,
        Found(_("Notifications"), reverse("notifications"), "bell"),
        Found(_("API tokens"), reverse("tokens"), "key-round"),
        Found(_("Password"), reverse("password"), "lock-keyhole"),
    ]


def _nodes(project: Project, text: str, most: int) -> list[Found]:
    """What dbt knows, but for metrics, which are found as such."""
    return [
        Found(
            entry.node.called if entry.node and entry.role == "node" else entry.label or entry.name,
            entry.get_absolute_url(),
            entry.what.icon,
            _in(entry),
            entry.node.unique_id if entry.node and entry.role == "node" else "",
        )
        for entry in found_nodes(project, text, most=most + 1)
    ]


def _in(entry: SearchEntry) -> str:
    """Its kind; of a column also of what."""
    kind = str(entry.what.one)
    return f"{kind} · {entry.node.name}" if entry.kind == COLUMN and entry.node else kind


def _metrics(project: Project, shell: Shell, text: str, most: int) -> list[Found]:
    if shell.environment is None:
        return []
    known = metrics_of(project).exclude(unique_id="", state=DefinitionState.DRAFT)
    begins = Q(label__istartswith=text) | Q(name__istartswith=text)
    best = searched(known, text).order_by(_first(begins), "label", "name")
    return [
        Found(
            str(metric),
            reverse("metric", args=[project.slug, shell.environment.slug, metric.name]),
            "sigma",
            _about(metric),
            metric.unique_id,
        )
        for metric in best[: most + 1]
    ]


def _about(metric: Definition) -> str:
    if metric.state == DefinitionState.RETIRED:
        return _("Gone from dbt")
    return Truncator(" ".join(metric.description.split())).chars(90)


def _touched(user: User) -> Q:
    """Proposals that somebody wrote, discussed or decided."""
    return Q(author=user) | Q(comments__author=user) | Q(reviews__person=user)


def _numbered(text: str) -> Q:
    """The proposal of that number, written with or without its sign."""
    number = text.removeprefix("#")
    # Ten digits are more than any number has, and more than some databases compare.
    return Q(number=int(number)) if number.isdecimal() and len(number) < 10 else Q(pk=None)


def _proposals(project: Project, user: User, which: Q, most: int, *, best: Q | None = None) -> list[Found]:
    visible: QuerySet[Proposal] = Proposal.objects.visible_to(user).filter(project=project)
    # By their ids: whoever commented three times has it found once.
    found = Proposal.objects.filter(pk__in=visible.filter(which).values("pk")).select_related("author")
    order = () if best is None else (_first(best),)
    shown = found.order_by(*order, "-changed_at", "-id")[: most + 1]
    return [_proposal(project, proposal) for proposal in shown]


def _proposal(project: Project, proposal: Proposal) -> Found:
    return Found(
        proposal.title or _("Untitled draft"),
        reverse("proposal", args=[project.slug, proposal.number]),
        "git-pull-request-arrow",
        f"#{proposal.number} · {proposal.get_status_display()} · {proposal.author}",
    )


def count(groups: Iterable[Group]) -> int:
    """How many things are shown."""
    return sum(len(group.found) for group in groups)
