"""How fresh the sources of an environment are: asked for, by the clock, and looked at by dbt."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from bisync.lib.errors import BisyncError
from catalog import outcomes
from environments import builds
from environments.models import RANKS, Deployment, Environment, FreshnessSchedule
from environments.selectors import known_environments
from governance import audit, permissions
from governance.models import Project, User
from workspace import holds, runs
from workspace.dbt import artifacts
from workspace.dbt.results import SourceFreshness
from workspace.models import Run
from workspace.repositories import mirror_of, workdir
from workspace.schedules import carry_out_due, timetable_set
from workspace.strategies import keeps_outcomes
from workspace.warehouse.gate import open_warehouse

KIND = "environment.freshness"
# dbt's words for a source, and ours.
_WORDS: Mapping[str, Any] = {
    "pass": gettext_lazy("%(n)s fresh"),
    "warn": gettext_lazy("%(n)s late"),
    "error": gettext_lazy("%(n)s stale"),
    "runtime error": gettext_lazy("%(n)s could not be looked at"),
}


class NothingLive(BisyncError):
    code = "nothing-live"
    message = gettext_lazy(
        "%(environment)s has no version yet that could read a source. Deploy to it first, then check its "
        "sources."
    )
    http_status = 409


@dataclass(frozen=True, slots=True)
class Declared:
    """The sources of which a project wants to know how fresh they are, by unique_id.

    Without a `loaded_at_field` or `loaded_at_query` neither DuckDB nor PostgreSQL can say it.
    """

    looked: frozenset[str]
    timeless: frozenset[str]


def declared(sources: Mapping[str, Mapping[str, Any]]) -> Declared:
    """What a manifest's sources, or the catalogue's, declare."""
    wanted = {key: source for key, source in sources.items() if _has_limit(source)}
    timed = {key for key, one in wanted.items() if one.get("loaded_at_field") or one.get("loaded_at_query")}
    return Declared(frozenset(timed), frozenset(wanted.keys() - timed))


def _has_limit(source: Mapping[str, Any]) -> bool:
    limits = source.get("freshness") or {}
    return any((limits.get(name) or {}).get("count") is not None for name in ("warn_after", "error_after"))


def declared_by(deployment: Deployment) -> Declared:
    """What a version's own manifest declares."""
    assert deployment.manifest is not None
    return declared(artifacts.read_manifest(deployment.manifest.content()).get("sources") or {})


# -- Asked for ------------------------------------------------------------------------------------------


@audit.atomic()
def freshness_request(*, environment: Environment, actor: User | None) -> Run:
    """Have dbt look how fresh an environment's sources are; a look that waits already is the answer.

    `actor` is None where a timetable asks. Raises `NothingLive` where nothing has been built.
    """
    if actor is not None:
        permissions.require(actor, "project.pull", environment)
    if environment.live_id is None:
        raise NothingLive(environment=environment.name)
    run = ask(environment, requested_by=actor)
    audit.record(actor=actor, action="run.requested", target=run)
    return run


def looks_after(deployment: Deployment) -> bool:
    """Whether dbt looks by itself once this is live: it finds something, and that is kept."""
    return keeps_outcomes(deployment.environment.project) and bool(declared_by(deployment).looked)


def ask(environment: Environment, *, requested_by: User | None) -> Run:
    """The run that looks."""
    return runs.request(
        kind=KIND,
        project=environment.project,
        subject=audit.key(environment),
        params={"environment": environment.pk},
        requested_by=requested_by,
    )


def last_look(environment: Environment) -> Run | None:
    """The last run that looked, or is about to."""
    found = Run.objects.filter(project=environment.project_id, kind=KIND, subject=audit.key(environment))
    return found.select_related("project").order_by("-id").first()


# -- By the clock ---------------------------------------------------------------------------------------


@audit.atomic()
def freshness_schedule_set(
    *, environment: Environment, values: Mapping[str, Any], actor: User
) -> tuple[FreshnessSchedule | None, bool]:
    """When sources are looked at by themselves, never where `every` is "", and whether that is new.

    Raises `InvalidInput` with sentences beside the fields.
    """
    permissions.require(actor, "environment.deploy", environment)
    Environment.objects.select_for_update(no_key=True).get(pk=environment.pk)
    before, schedule = timetable_set(FreshnessSchedule, {"environment": environment}, values)
    after = schedule.told() if schedule else {}
    if before != after:
        audit.record(
            actor=actor,
            action="environment.freshness_schedule_changed",
            target=environment,
            before=before,
            after=after,
        )
    return schedule, before != after


def looks_due() -> int:
    """Ask for the looks whose time has come; returns how many timetables that were."""
    return carry_out_due(FreshnessSchedule.objects.select_related("environment__project"), _look_again)


def _look_again(schedule: FreshnessSchedule) -> None:
    environment = schedule.environment
    if environment.live_id is not None and keeps_outcomes(environment.project):
        freshness_request(environment=environment, actor=None)


@outcomes.promises
def promised(project: Project) -> dict[str, timedelta]:
    """How old a look may be in each environment that has a timetable, by its slug."""
    return promised_in(*known_environments(project))


def promised_in(*environments: Environment) -> dict[str, timedelta]:
    """How old a look may be in each of these environments, which `environments_of` gave."""
    schedules = ((one.slug, getattr(one, "freshness_schedule", None)) for one in environments)
    return {slug: schedule.longest for slug, schedule in schedules if schedule is not None}


# -- Looked at ------------------------------------------------------------------------------------------


def look(work: runs.Work) -> dict[str, object]:
    """Have dbt look at the sources of what is live, where it reads them, and keep what it found."""
    environments = Environment.objects.select_related("live__manifest", "connection", "project__repository")
    environment = environments.get(pk=work.params["environment"])
    live = environment.live
    if live is None:
        raise NothingLive(environment=environment.name)
    live.environment = environment
    wanted = declared_by(live)
    found = _found(work, live, wanted) if wanted.looked else []
    with work.fenced():
        outcomes.forget_looks(environment.project, environment.slug, but=wanted.looked)
        outcomes.keep(environment.project, environment.slug, RANKS[environment.kind], found)
    counts = Counter(one.status for one in found)
    return {"counts": dict(counts), "said": _said(counts, wanted, kept=keeps_outcomes(environment.project))}


def _found(work: runs.Work, live: Deployment, wanted: Declared) -> list[outcomes.Found]:
    # dbt tells a warehouse that is away once for each source.
    with open_warehouse(live.location) as warehouse:
        warehouse.query("SELECT 1")
    told = _ask_dbt(work, live)
    return [one for one in outcomes.of_sources(told, run=work.run.pk) if one.unique_id in wanted.looked]


def _ask_dbt(work: runs.Work, live: Deployment) -> SourceFreshness:
    environment = live.environment
    repository = environment.project.repository
    work.progress(step="checkout")
    mirror = mirror_of(repository)
    if not mirror.has(live.commit):
        mirror.fetch()
    holds.require_known(work, repository, mirror, live.commit, ever=True)
    with mirror.worktree(live.commit) as tree, workdir() as into:
        dbt = builds.dbt_for(environment, repository, tree=tree, into=into, location=live.location)
        dbt.deps()
        work.progress(step="look")
        return dbt.freshness(on_progress=builds.teller(work))


def _said(counts: Mapping[str, int], wanted: Declared, *, kept: bool) -> str:
    """What came of it, in a sentence or two."""
    total = sum(counts.values())
    parts = [str(words) % {"n": counts[status]} for status, words in _WORDS.items() if counts.get(status)]
    said = ngettext("%(n)s source looked at: %(found)s.", "%(n)s sources looked at: %(found)s.", total)
    sentences = [said % {"n": total, "found": ", ".join(parts)}]
    if not wanted.looked:
        sentences = [
            _(
                "No source of this version declares freshness together with a loaded_at_field, so there is "
                "nothing to look at. Say both in the source's YAML, pull and deploy."
            )
        ]
    if left := len(wanted.timeless):
        words = ngettext(
            "%(n)s source declares freshness without a loaded_at_field and is left out.",
            "%(n)s sources declare freshness without a loaded_at_field and are left out.",
            left,
        )
        sentences.append(words % {"n": left})
    if wanted.looked and not kept:
        sentences.append(
            _(
                "Nothing of it is kept, for tests are off: choose otherwise in Strategy and frequency, or in "
                "bisync/sync.yml."
            )
        )
    return " ".join(sentences)
