"""Walk a deployment: build beside the live version, test, switch."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Mapping

from bisync.lib import crash
from bisync.lib.errors import BisyncError
from catalog import outcomes
from catalog.models import Snapshot
from catalog.search import index
from environments import builds, freshness, tracing
from environments.actions import LIFECYCLE, MetricsLost, Overtaken, deployment_go_live
from environments.models import RANKS, Deployment, DeploymentStatus, Environment, MetricSeries
from environments.numbers import Numbers, by_period, of_sql
from environments.plan import plan
from environments.selectors import Reading, reading
from semantic.formula.tree import MetricRef
from semantic.query.engine import Engine, NotComputable, engine_for, with_relations
from semantic.query.spec import Unsupported
from semantic.sync import after_pull
from workspace import holds, runs
from workspace.dbt import artifacts
from workspace.models import Artifact
from workspace.recording import DATABASE_AWAY
from workspace.repositories import mirror_of, workdir
from workspace.warehouse.base import WarehouseError

logger = logging.getLogger(__name__)
# Versions kept beside the live one, so that whoever still reads an older one can finish.
KEPT_VERSIONS = 2
# A list shows this many values at a glance; the rest are computed when somebody looks.
MEASURED_METRICS = 300


@runs.handles("environment.deploy")
def deploy(work: runs.Work) -> dict[str, object]:
    """Build what waits for an environment, one version after another, and make each live.

    A failure leaves the live version as it was. Every deployment is tried; the first failure is the run's.
    """
    failures: list[BisyncError] = []
    versions: list[int] = []
    while deployment := _next(work.params["environment"]):
        try:
            _deploy(work, deployment)
        except runs.LeaseLost:
            raise
        except BisyncError as exc:
            if work.cancelled.is_set():
                raise
            failures.append(exc)
        else:
            versions.append(deployment.number)
    live = Deployment.objects.filter(environment=work.params["environment"], status="live").first()
    # An earlier attempt may have been lost between the switch and this.
    if live is not None and not live.series.exists():
        _measure(work, live)
    if failures:
        raise failures[0]
    return {"versions": versions}


@runs.handles("catalog.lineage")
def lineage(work: runs.Work) -> dict[str, object]:
    """Bring the column lineage of the last pull in step; of a pull or a version that went live meanwhile."""
    return tracing.trace(work)


@runs.handles("catalog.index")
def bring_index(work: runs.Work) -> dict[str, object]:
    """Bring what the search reads in step, where column lineage has to wait."""
    index.bring(work.project, step=work.fenced)
    return {}


@runs.handles(freshness.KIND)
def look(work: runs.Work) -> dict[str, object]:
    """Look how fresh the sources of an environment are."""
    return freshness.look(work)


@after_pull
def trace_again(work: runs.Work, snapshot: Snapshot) -> None:
    """What a pull brought may be made from other columns than before."""
    if snapshot.run_id == work.run.pk:
        tracing.trace_soon(work.project, snapshot)


def _next(environment: int) -> Deployment | None:
    """The oldest deployment that waits, or that a lost worker had begun."""
    unfinished = [DeploymentStatus.PLANNED, DeploymentStatus.APPLYING]
    return (
        Deployment.objects.filter(environment=environment, status__in=unfinished)
        .select_related("environment__connection", "environment__project")
        .order_by("number")
        .first()
    )


def _deploy(work: runs.Work, deployment: Deployment) -> None:
    with work.fenced():
        LIFECYCLE.advance(deployment, "apply", run=work.run)
    try:
        _require_newest(deployment)
        _build_and_switch(work, deployment)
    except (runs.LeaseLost, *DATABASE_AWAY):
        raise  # another attempt goes on with it
    except Exception as exc:
        code, params = runs.told(exc, work.run)
        with work.fenced():
            LIFECYCLE.advance(deployment, "fail", error_code=code, error_params=params)
        raise
    _forget_old_versions(deployment.environment)


def _require_newest(deployment: Deployment) -> None:
    """One that a person had repeated may meet a later one that was faster."""
    environment = Environment.objects.select_related("live").get(pk=deployment.environment_id)
    if environment.live is not None and environment.live.number > deployment.number:
        raise Overtaken(environment=environment.name)


def _build(work: runs.Work, deployment: Deployment, environment: Environment) -> None:
    live = environment.live
    wanted = plan(
        live_commit=live.commit if live else "",
        live_variables=live.variables if live else {},
        variables=environment.variables,
        affected=deployment.affected,
    )
    repository = environment.project.repository
    work.progress(step="checkout")
    mirror = mirror_of(repository)
    if not mirror.has(deployment.commit):
        mirror.fetch()
    holds.require_known(work, repository, mirror, deployment.commit, ever=True)
    base = None if wanted.everything else live
    with mirror.worktree(deployment.commit) as tree, workdir() as into:
        work.progress(step="prepare")
        builds.prepare(base, deployment.location)
        dbt = builds.dbt_for(
            environment,
            repository,
            tree=tree,
            into=into,
            location=deployment.location,
        )
        dbt.deps()
        work.progress(step="build", reason=wanted.reason)
        built = builds.build(
            dbt,
            deployment.location,
            live=base,
            select=wanted.select,
            into=into,
            on_progress=builds.teller(work),
        )
    crash.point("deploy-built")
    with work.fenced():
        Deployment.objects.filter(pk=deployment.pk).update(
            relations=built.relations,
            results=builds.summary(built.results),
            variables=environment.variables,
            manifest=Artifact.keep("manifest.json", built.manifest),
            semantic_manifest=Artifact.keep("semantic_manifest.json", built.semantic_manifest),
            columns=Artifact.keep("columns.json", json.dumps(built.columns).encode()),
        )
        told = builds.found(built.results, run=work.run.pk)
        outcomes.keep(environment.project, environment.slug, RANKS[environment.kind], told)


def _build_and_switch(work: runs.Work, deployment: Deployment) -> None:
    environment = Environment.objects.select_related("live", "connection", "project__repository").get(
        pk=deployment.environment_id
    )
    # Readers of a server may see what an attempt that was lost has built: then it only remains to switch.
    if deployment.manifest_id is None:
        _build(work, deployment, environment)
        deployment.refresh_from_db()
    _require_metrics(_measure(work, deployment), deployment, environment.live)
    looks = freshness.looks_after(deployment)
    work.progress(step="switch")
    builds.publish(deployment, environment.live)
    crash.point("deploy-views")
    with work.fenced():
        deployment_go_live(deployment=deployment, onto=environment.live)
        runs.request(kind="pull", project=environment.project, requested_by=work.run.requested_by)
        # What dbt made of each model where it was really built.
        tracing.trace_soon(environment.project)
        if looks:
            freshness.ask(environment, requested_by=work.run.requested_by)
        else:
            outcomes.forget_looks(environment.project, environment.slug)
    crash.point("deploy-live")


def _require_metrics(failing: Mapping[str, str], deployment: Deployment, live: Deployment | None) -> None:
    """Raise `MetricsLost` where a metric that people read now, or a new one, has SQL that fails."""
    if live is None or not failing:
        return
    read = set(live.series.values_list("metric", flat=True))
    new = reading(deployment).vocabulary.metrics.keys() - reading(live).vocabulary.metrics.keys()
    if lost := sorted((read | new) & failing.keys()):
        raise MetricsLost(metrics=", ".join(lost), environment=live.environment.name, why=failing[lost[0]])


def _forget_old_versions(environment: Environment) -> None:
    """Remove the versions that nobody reads any more, the last ones aside."""
    environment.refresh_from_db()
    built = Deployment.objects.filter(environment=environment, manifest__isnull=False).order_by("-number")
    kept = list(built[: KEPT_VERSIONS + 1])
    if environment.live is None:
        return
    if environment.connection.adapter == "duckdb":
        numbers = {deployment.number for deployment in kept} | {environment.live.number}
        for folder in environment.folder.glob("v[0-9]*"):
            if int(folder.name[1:]) < environment.live.number and int(folder.name[1:]) not in numbers:
                shutil.rmtree(folder, ignore_errors=True)
        return
    used = {schema for one in [*kept, environment.live] for schema, _name in one.relations.values()}
    try:
        builds.drop_versions(environment, used=used, below=environment.live.number)
    except BisyncError:
        logger.warning("old versions not dropped", extra={"environment": environment.pk}, exc_info=True)


def _measure(work: runs.Work, deployment: Deployment) -> dict[str, str]:
    """Compute every metric's months once, for lists; a metric that cannot be computed is left out.

    Returns those whose SQL the warehouse refuses, with its reason.
    """
    work.progress(step="measure")
    version = reading(deployment)
    semantic = artifacts.read_semantic_manifest(Artifact.objects.get(pk=version.semantic_manifest).content())
    try:
        engine = engine_for(with_relations(semantic, version.relations, version.vocabulary), version.dialect)
    except NotComputable:
        logger.info("no metric measured", extra={"run": work.run.pk})
        return {}  # as in a project without a time spine, and so without metrics
    found, failing = [], {}
    for metric in list(version.vocabulary.metrics)[:MEASURED_METRICS]:
        try:
            numbers = _months(version, engine, metric)
        except (NotComputable, Unsupported, WarehouseError) as exc:
            logger.info("metric not measured", extra={"metric": metric, "run": work.run.pk, "why": str(exc)})
            if type(exc) is WarehouseError:  # neither slow nor away
                failing[metric] = str(exc.params["reason"])
            continue
        points = [[point.period.isoformat(), point.value] for point in numbers.points]
        found.append(MetricSeries(deployment=deployment, metric=metric, points=points))
    with work.fenced():
        MetricSeries.objects.filter(deployment=deployment).delete()
        MetricSeries.objects.bulk_create(found)
    return failing


def _months(version: Reading, engine: Engine, metric: str) -> Numbers:
    """A metric's months by our own SQL, or by MetricFlow's where only that can say them."""
    try:
        return by_period(version, MetricRef(metric))
    except Unsupported:
        return of_sql(version, engine.sql(metric, grain="month"), grain="month")
