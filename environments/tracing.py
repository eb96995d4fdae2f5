"""Column lineage of a project: from the SQL that its builds made, and from what dbt compiles of the rest."""

from __future__ import annotations

import hashlib
import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.conf import settings

from bisync.lib.errors import BisyncError
from catalog import tracing
from catalog.lineage.making import Making
from catalog.lineage.pieces import Code, codes_of, makings_of, pieces_of
from catalog.models import NodeLineage, Snapshot
from catalog.search import index
from environments import builds, health, rejections, tested
from environments.models import Deployment, DeploymentStatus
from governance.models import Project
from workspace import runs
from workspace.dbt.artifacts import read_code
from workspace.dbt.code import CodeManifest, dialect_of
from workspace.dbt.errors import DbtCompileFailed
from workspace.dbt.runner import Dbt
from workspace.git.repository import FileAbsent, Mirror
from workspace.models import Frequency, Repository
from workspace.reading import reading
from workspace.repositories import mirror_of
from workspace.strategies import settings_of
from workspace.warehouse.base import WarehouseError
from workspace.warehouse.gate import open_warehouse

logger = logging.getLogger(__name__)
# The largest file in which a line is looked for.
_MOST_TEXT = 1_000_000
# Files that change what dbt makes of a model, and that no manifest tells of.
_SETTINGS = ("dbt_project.yml", "packages.yml", "dependencies.yml", "package-lock.yml", "vars.yml")
_UNFINISHED = (DeploymentStatus.PLANNED, DeploymentStatus.APPLYING)
# dbt stops at the first model that it cannot compile: it is left out, and the rest tried again.
_LEFT_OUT = 8


@dataclass(frozen=True, slots=True)
class _Version:
    """One commit's manifest, and what each of its models' SQL is made from."""

    manifest: CodeManifest
    makes: Mapping[str, Making]


def trace_soon(project: Project, snapshot: Snapshot | None = None) -> None:
    """Ask for column lineage after a pull, or a release, if the project wants it so often.

    A pull too large to be found at once has to be found in any case.
    """
    if settings_of(project).of("lineage", "frequency") == Frequency.EACH_PULL:
        runs.request(kind="catalog.lineage", project=project)
    elif snapshot is not None and not index.is_little(snapshot):
        runs.request(kind="catalog.index", project=project)


def trace(work: runs.Work) -> dict[str, object]:
    """Bring the column lineage of the last snapshot in step, and tell how much of it is known."""
    snapshot = Snapshot.objects.filter(project=work.project).order_by("-id").first()
    if snapshot is None:
        return {}
    work.progress(step="index")
    index.bring(work.project, step=work.fenced)
    code = _Source.of(work)
    now = code.version(snapshot.commit, snapshot.manifest.content())
    live = _live_versions(work)
    codes = _known_codes(work, code, now, live)
    problems = {key: "python" for key, node in now.manifest.nodes.items() if node.language == "python"}
    lacking = [key for key in now.makes if key not in codes and key not in problems]
    problems |= {key: "asks-warehouse" for key in lacking if now.makes[key].asks_warehouse}
    wanted = [key for key in lacking if key not in problems]
    if wanted and code.repository and settings.BISYNC_COMPILE and not _will_be_built(snapshot):
        work.progress(step="compile", total=len(wanted))
        codes |= _compiled(work, code.repository, snapshot.commit, now, wanted)
    work.progress(step="trace")
    dialect = dialect_of(now.manifest.metadata.adapter_type or "")
    pieces = pieces_of(now.manifest, now.makes, codes, _columns(work, live, now.manifest), problems)
    rows = tracing.traced(work.project, pieces, codes, dialect)
    with work.fenced():
        tracing.keep(rows)
    work.progress(step="look")
    production = health.live_of(work.project)
    files = _Files(code, snapshot.commit)
    findings = health.check(work.project, production, files)
    findings = health.placed([*findings, *rejections.check(snapshot, production)], files.read)
    with work.fenced():
        health.keep(work.project, findings)
    found = NodeLineage.objects.filter(node__project=work.project).values_list("problem", flat=True)
    troubles = dict(Counter(filter(None, found)))
    return {
        "commit": snapshot.commit,
        "models": len(now.makes),
        "traced": len(rows),
        "problems": troubles,
        "findings": len(findings),
        "lines": tested.lines_of(work.project, files.read),
    }


@dataclass(frozen=True, slots=True)
class _Source:
    """Where the project's code is; of one whose artifacts are uploaded nobody knows."""

    repository: Repository | None
    mirror: Mirror | None

    @classmethod
    def of(cls, work: runs.Work) -> _Source:
        repositories = Repository.objects.select_related("project", "connection")
        repository = repositories.filter(project=work.project).first()
        return cls(repository, mirror_of(repository) if repository is not None else None)

    def has(self, commit: str) -> bool:
        return self.mirror is None or self.mirror.has(commit)

    def version(self, commit: str, manifest: bytes) -> _Version:
        """A commit's manifest, and what each model's SQL is made from."""
        found = read_code(manifest)
        return _Version(found, makings_of(found, self._salt(commit)))

    def _salt(self, commit: str) -> str:
        if self.mirror is None or self.repository is None:
            return ""
        digest = hashlib.sha256()
        for name in _SETTINGS:
            try:
                digest.update(name.encode() + self.mirror.read(commit, self.repository.inside(name)))
            except FileAbsent:
                continue
        return digest.hexdigest()

    def mentioning(self, commit: str, text: str) -> set[str]:
        """The files of the dbt project that hold a text; none where there is no code here."""
        if self.mirror is None or self.repository is None or not self.mirror.has(commit):
            return set()
        prefix = self.repository.inside("")
        found = self.mirror.mentioning(commit, text)
        return {path.removeprefix(prefix) for path in found if path.startswith(prefix)}

    def read(self, commit: str, path: str) -> str:
        """The text of a file of the dbt project; "" where there is none here, or it is no text."""
        if self.mirror is None or self.repository is None or not self.mirror.has(commit):
            return ""
        try:
            raw = self.mirror.read(commit, self.repository.inside(path))
        except FileAbsent:
            return ""
        return raw.decode("utf-8", "replace") if len(raw) <= _MOST_TEXT else ""


@dataclass(frozen=True, slots=True)
class _Files:
    """The dbt project's files in one commit."""

    source: _Source
    commit: str

    def read(self, file: str) -> str:
        return self.source.read(self.commit, file)

    def mentioning(self, text: str) -> set[str]:
        return self.source.mentioning(self.commit, text)


def _live_versions(work: runs.Work) -> list[Deployment]:
    """What is live, production first."""
    live = Deployment.objects.filter(environment__project=work.project, status=DeploymentStatus.LIVE)
    found = live.select_related("environment__connection", "environment__project", "manifest", "columns")
    return sorted(found, key=lambda one: (one.environment.kind != "production", one.environment_id))


def _known_codes(
    work: runs.Work, code: _Source, now: _Version, live: Sequence[Deployment]
) -> dict[str, Code]:
    """The SQL of each model that is made from just what it would be made from now."""
    codes = tracing.codes_kept(work.project)
    # A manifest that was uploaded comes from a build, or from dbt compile.
    codes |= codes_of(now.manifest, now.makes, {})
    for deployment in reversed(live):
        if deployment.manifest is not None and code.has(deployment.commit):
            built = code.version(deployment.commit, deployment.manifest.content())
            codes |= codes_of(built.manifest, built.makes, builds.names_of(deployment))
    return {key: one for key, one in codes.items() if key in now.makes and one.key == now.makes[key].key}


def _will_be_built(snapshot: Snapshot) -> bool:
    """Whether an environment is about to build this very commit: what it makes of a model is better known."""
    waiting = Deployment.objects.filter(environment__project=snapshot.project, status__in=_UNFINISHED)
    return waiting.filter(commit=snapshot.commit).exists()


def _compiled(
    work: runs.Work,
    repository: Repository,
    commit: str,
    now: _Version,
    wanted: Sequence[str],
) -> dict[str, Code]:
    """What dbt makes of these models where nothing was built."""
    try:
        with reading(work, repository, mirror_of(repository), commit) as dbt:
            manifest = _compile(dbt, now.manifest, set(wanted))
    except BisyncError as exc:
        if work.cancelled.is_set() or work.lost.is_set():
            raise
        # Lineage is then known of fewer models; the run's commands say why.
        logger.info("models not compiled", extra={"run": work.run.pk, "code": exc.code})
        return {}
    return {key: code for key, code in codes_of(manifest, now.makes, {}) if key in set(wanted)}


def _compile(dbt: Dbt, manifest: CodeManifest, wanted: set[str]) -> CodeManifest:
    left_out: list[str] = []
    while True:
        names = sorted(manifest.nodes[key].name for key in wanted)
        try:
            target = dbt.compile(names, exclude=[f"{name}+" for name in left_out])
        except DbtCompileFailed as exc:
            name = str(exc.params["node"])
            if name in left_out or len(left_out) == _LEFT_OUT:
                raise
            left_out.append(name)
        else:
            return read_code((target / "manifest.json").read_bytes())


def _columns(work: runs.Work, live: Sequence[Deployment], manifest: CodeManifest) -> dict[str, list[str]]:
    """Node → its columns as a warehouse has them: sources, seeds, and what has no SQL that can be read."""
    told = tracing.columns_told(work.project)
    found = {
        key: columns
        for key, columns in told.items()
        if key in manifest.sources or (key in manifest.nodes and not manifest.nodes[key].raw_code)
    }
    for deployment in live:
        if deployment.columns is not None:
            for key, columns in builds.stored_columns(deployment.columns).items():
                node = manifest.nodes.get(key)
                if node is not None and (node.resource_type == "seed" or node.language == "python"):
                    found.setdefault(key, [*columns])
    return found | _source_columns(live, manifest)


def _source_columns(live: Sequence[Deployment], manifest: CodeManifest) -> dict[str, list[str]]:
    places = {(one.schema, one.identifier or one.name): key for key, one in manifest.sources.items()}
    if not live or not places:
        return {}
    try:
        with open_warehouse(live[0].location) as warehouse:
            there = warehouse.columns({schema for schema, _name in places})
    except WarehouseError:
        logger.warning("columns of sources not read", extra={"deployment": live[0].pk}, exc_info=True)
        return {}
    return {
        places[schema, name]: [column.name for column in columns]
        for (_database, schema, name), columns in there.items()
        if (schema, name) in places
    }
