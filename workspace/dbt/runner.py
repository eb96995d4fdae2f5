"""dbt as a command: parse, build, freshness and deps, each in a process that knows nothing of ours."""

from __future__ import annotations

import json
import os
import re
import shutil
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from django.conf import settings
from django.utils.translation import gettext as _

from bisync.lib.process import UNLIMITED, Limits
from workspace import commands
from workspace.dbt import (
    artifacts,
    diagnosis,
    events,
    packages,
    profiles,
    project_files,
    results,
    versions,
)
from workspace.dbt.errors import (
    DbtBuildFailed,
    DbtCancelled,
    DbtEnvVarReserved,
    DbtParseTimeout,
    DbtProjectMissing,
    DbtPythonModel,
    DbtSelectionInvalid,
    DbtTimeout,
)
from workspace.git.process import ENVIRONMENT
from workspace.warehouse.base import WarehouseUnreachable, connection_failure, require_host

if TYPE_CHECKING:
    from bisync.lib.errors import BisyncError
    from bisync.lib.process import Finished
    from workspace.dbt.artifacts import NodeResult
    from workspace.dbt.events import Progress
    from workspace.warehouse.location import Location

_PROJECT_FILE = "dbt_project.yml"
# Where dbt leaves what it has read, and looks for it.
_STATE = "partial_parse.msgpack"
_NAMED_FAILURES = 3
# Variables that change how a process starts, how git connects, or how dbt itself runs.
_RESERVED = re.compile(r"(PATH|HOME|TMPDIR)$|LD_|PYTHON|GIT_|SSH_|PG|DBT_ENGINE_|DBT_ENV_SECRET_BISYNC_")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_DEEP = 4
_ENVIRONMENT = {
    "LANG": "C.UTF-8",
    "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    "DO_NOT_TRACK": "1",
}
# The largest file that reading a project may write: its manifest is read whole.
_LARGEST_ARTIFACT = 512_000_000


@dataclass(frozen=True)
class DbtProject:
    """A checked-out project, and what a command on it needs.

    `workdir` is this run's alone. `env` holds variables that the project reads by env_var(). `executable`
    is the dbt that the project wants; Bisync's own where empty. `checkout` is the root of the repository,
    in which we look for other projects when there is none in `folder`. `kept` is a file in which `parse`
    keeps what dbt has read, to begin from there the next time; dbt itself tells whether it may.
    """

    folder: Path
    workdir: Path
    target: str
    location: Location
    variables: Mapping[str, object] = field(default_factory=dict)
    executable: str = ""
    env: Mapping[str, str] = field(default_factory=dict)
    checkout: Path | None = None
    kept: Path | None = None


@dataclass(frozen=True, slots=True)
class BuildResult:
    results: tuple[NodeResult, ...]
    target_path: Path

    @property
    def failed(self) -> tuple[NodeResult, ...]:
        return tuple(result for result in self.results if result.failed)

    def require_success(self) -> BuildResult:
        """This result, or `DbtBuildFailed` with the names and words of what failed."""
        failed = self.failed
        if not failed:
            return self
        named = [f"{node.name}: {node.sentence}" for node in failed[:_NAMED_FAILURES]]
        more = len(failed) - len(named)
        raise DbtBuildFailed(
            count=len(failed),
            total=len(self.results),
            summary=". ".join(named) + (_(". And %(count)s more.") % {"count": more} if more else "."),
            nodes=[
                {
                    "unique_id": node.unique_id,
                    "name": node.name,
                    "status": node.status,
                    "message": node.message,
                    "failures": node.failures,
                }
                for node in failed
            ],
        )


class Dbt:
    """One project with one connection; commands run one after another."""

    def __init__(self, project: DbtProject) -> None:
        if not (project.folder / _PROJECT_FILE).is_file():
            raise _no_project(project)
        self._project = project = replace(project, folder=project.folder.resolve())
        self._parsed = False
        for name in project.env:
            if _RESERVED.match(name) or not _NAME.fullmatch(name):
                raise DbtEnvVarReserved(name=name)
        # Not the project's own: dbt reads a .env file in the directory that it starts in.
        self._cwd = _directory(project.workdir / "cwd")
        self._home = _directory(project.workdir / "home")
        self._tmp = _directory(project.workdir / "tmp")
        self._logs = _directory(project.workdir / "logs")
        self._target = _directory(project.workdir / "target")
        self._profiles = _directory(project.workdir / "profiles")
        self._checkout = project.checkout or project.folder

    def parse(self) -> Path:
        """Read the project; returns the directory with manifest.json and semantic_manifest.json.

        The warehouse is not asked anything.
        """
        state, kept = self._target / _STATE, self._project.kept
        if not (kept is not None and self._parse_on(kept, state)):
            finished = self._run("parse", "--no-partial-parse")
            if finished.exit_code:
                raise self._explained("parse", finished)
        if kept is not None:
            _replace(kept, state)
        self._parsed = True
        return self._target

    def _parse_on(self, kept: Path, state: Path) -> bool:
        """Parse what differs from what is kept. Where dbt cannot, only a parse of everything tells why."""
        try:
            shutil.copyfile(kept, state)
        except FileNotFoundError:
            return False
        if self._run("parse", "--partial-parse").exit_code == 0:
            return True
        state.unlink(missing_ok=True)
        return False

    def build(
        self,
        select: Sequence[str] = (),
        *,
        exclude: Sequence[str] = (),
        full_refresh: bool = False,
        defer_to: Path | None = None,
        resource_types: Sequence[str] = (),
        on_progress: Callable[[Progress], None] | None = None,
    ) -> BuildResult:
        """Build what is selected (everything where nothing is), and test it; failed nodes are in the result.

        What is not selected is read from `defer_to`, a directory with the manifest of another version.
        `on_progress` is called from another thread and must not raise.
        """
        if self._project.location.host:
            require_host(self._project.location.host, look_up=True)
        if not settings.BISYNC_PYTHON_MODELS and (found := project_files.python_models(self._project.folder)):
            raise DbtPythonModel(file=found[0])
        options = ["--partial-parse" if self._parsed else "--no-partial-parse"]
        options += _listed("--select", select) + _listed("--exclude", exclude)
        for resource_type in resource_types:
            options += ["--resource-type", resource_type]
        if full_refresh:
            options.append("--full-refresh")
        if defer_to is not None:
            options += ["--defer", "--favor-state", "--state", str(defer_to)]
        if self._project.location.adapter == "duckdb":
            Path(self._project.location.path).parent.mkdir(parents=True, exist_ok=True)
        run_results = self._target / "run_results.json"
        run_results.unlink(missing_ok=True)
        finished = self._run("build", *options, on_line=events.Meter(on_progress) if on_progress else None)
        # 1: some nodes failed, and the results say which. 2: dbt could not begin.
        if finished.exit_code not in (0, 1) or not run_results.exists():
            raise self._explained("build", finished)
        return BuildResult(artifacts.read_run_results(run_results.read_bytes()), self._target)

    def compile(self, select: Sequence[str] = (), *, exclude: Sequence[str] = ()) -> Path:
        """Make the SQL of what is selected (of everything where nothing is), where nothing was built.

        Returns the directory with manifest.json. A server's relations are looked at, but not changed. dbt
        stops at the first model that it cannot make: `DbtCompileFailed` names it.
        """
        if self._project.location.host:
            require_host(self._project.location.host, look_up=True)
        options = _listed("--select", select) + _listed("--exclude", exclude)
        finished = self._run("compile", "--no-partial-parse", *options, read_only=True)
        if finished.exit_code:
            raise diagnosis.of_compile(finished) or self._explained("compile", finished)
        return self._target

    def freshness(
        self,
        *,
        on_progress: Callable[[Progress], None] | None = None,
    ) -> results.SourceFreshness:
        """How fresh the sources are; that one is stale, or cannot be asked, is a result like any other.

        The warehouse is only read, so hooks, which belong to builds, are left out. Raises
        `WarehouseUnreachable` where it went away meanwhile.
        """
        location = self._project.location
        if location.host:
            require_host(location.host, look_up=True)
        project_files.set_flag(self._project.folder, "source_freshness_run_project_hooks", value=False)
        written = self._target / "sources.json"
        written.unlink(missing_ok=True)
        refusals = events.Refusals(events.Meter(on_progress) if on_progress else None)
        finished = self._run(
            "source freshness",
            "--no-partial-parse",
            on_line=refusals,
            read_only=True,
            shared=True,
        )
        # 1: some are stale, or could not be asked. 2: dbt could not begin.
        if finished.exit_code not in (0, 1) or not written.exists():
            raise self._explained("source freshness", finished)
        told = results.read_sources(written.read_bytes())
        known = {one.unique_id for one in told.results}
        for unique_id, words in refusals.words.items():
            failure = connection_failure(words, location)
            if isinstance(failure, WarehouseUnreachable):
                raise failure
            # dbt leaves these out of the file.
            if unique_id not in known:
                said = artifacts.NodeResult(unique_id, "runtime error", words).sentence
                told.results.append(results.Freshness(unique_id, "runtime error", error=said))
        return told

    def deps(self) -> None:
        """Fetch the packages that the project lists, unless they lie in it already.

        Those that are folders of the repository are linked; dbt itself is started for others only.
        """
        folder = self._project.folder
        if not packages.listed(folder):
            return
        project_files.require_inside(folder, self._checkout)
        if not packages.missing(folder):
            return
        project_files.require_packages(folder, self._checkout)
        if not packages.link_local(folder):
            finished = self._run("deps")
            if finished.exit_code:
                raise self._explained("deps", finished)
        project_files.require_no_links_outside(self._checkout)

    @cached_property
    def _executable(self) -> Path:
        return Path(self._project.executable or versions.OWN)

    @cached_property
    def _version(self) -> versions.Version:
        return versions.installed(self._executable)

    def _run(
        self,
        command: str,
        *options: str,
        on_line: Callable[[str], None] | None = None,
        read_only: bool = False,
        shared: bool = False,
    ) -> Finished:
        project = self._project
        project_files.require_inside(project.folder, self._checkout)
        profile = profiles.profile_name(project.folder)
        connection = profiles.write(
            self._profiles,
            profile=profile,
            target=project.target,
            location=project.location,
            # What is kept counts as long as no word of the connection changes; parsing opens none.
            folders=[] if command == "parse" and project.kept else [project.folder],
            read_only=read_only,
            shared=shared,
        )
        places = ["--project-dir", str(project.folder), "--profiles-dir", str(self._profiles)]
        places += ["--log-path", str(self._logs), "--profile", profile, "--target", project.target]
        if command != "deps":
            places += ["--target-path", str(self._target)]
        if project.variables:
            places += ["--vars", json.dumps(dict(project.variables))]
        flags = versions.flags(self._version, command)
        finished = commands.run(
            f"dbt {command}",
            [str(self._executable), *command.split(), *flags, *places, *options],
            cwd=self._cwd,
            # Lists of packages are templates that may read secrets: the warehouse's is none of their affair.
            env={**self._environment(), **(_for_git() if command == "deps" else connection)},
            secrets=[*project.location.secrets, *self._secrets()],
            timeout=self._patience(command),
            on_line=on_line,
            limits=_limits() if command == "parse" else UNLIMITED,
        )
        if finished.cancelled:
            raise DbtCancelled(command=command)
        if finished.timed_out:
            kind = DbtParseTimeout if command == "parse" else DbtTimeout
            raise kind(command=command, minutes=f"{self._patience(command) / 60:.2g}")
        return finished

    @staticmethod
    def _patience(command: str) -> float:
        return settings.PARSE_TIMEOUT_SECONDS if command == "parse" else settings.DBT_TIMEOUT_SECONDS

    def _environment(self) -> dict[str, str]:
        """Nothing of ours: whatever is in here, a template of the project may print."""
        return {
            **self._project.env,
            **_ENVIRONMENT,
            **versions.environment(self._version),
            "PATH": f"{self._executable.parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
            "HOME": str(self._home),
            "TMPDIR": str(self._tmp),
        }

    def _secrets(self) -> list[str]:
        return [value for name, value in self._project.env.items() if name.startswith("DBT_ENV_SECRET_")]

    def _explained(self, command: str, finished: Finished) -> BisyncError:
        project = self._project
        return diagnosis.explain(finished, command=command, folder=project.folder, location=project.location)


def _for_git() -> dict[str, str]:
    """For packages: nobody's configuration, no questions, links as text, no transport that runs commands."""
    allowed = "https:ssh:file" if settings.BISYNC_LOCAL_REMOTES else "https:ssh"
    quiet = {name: value for name, value in ENVIRONMENT.items() if name.startswith("GIT_")}
    return {**quiet, "GIT_ALLOW_PROTOCOL": allowed}


def _limits() -> Limits:
    return Limits(memory_bytes=settings.PARSE_MEMORY_MB << 20, file_bytes=_LARGEST_ARTIFACT)


def find_projects(root: Path) -> list[str]:
    """The folders below `root` that hold a dbt project, as the repository names them; "." is its root."""
    found = []
    for folder, inside, files in os.walk(root):
        here = Path(folder).relative_to(root)
        inside[:] = sorted(n for n in inside if not n.startswith(".") and n not in {"dbt_packages", "target"})
        if len(here.parts) >= _DEEP:
            inside.clear()
        if _PROJECT_FILE in files:
            found.append(here.as_posix())
    return found


def _no_project(project: DbtProject) -> DbtProjectMissing:
    root = project.checkout or project.folder
    found = find_projects(root)
    folder = project.folder.relative_to(root).as_posix() if project.folder.is_relative_to(root) else "."
    if found:
        elsewhere = _("There is one in %(folders)s: name that folder in the repository's settings.") % {
            "folders": ", ".join(_shown(name) for name in found)
        }
    else:
        elsewhere = _("The repository holds none at all: check its address and branch.")
    return DbtProjectMissing(folder=_shown(folder), found=found, elsewhere=elsewhere)


def _shown(folder: str) -> str:
    return _("the root of the repository") if folder == "." else folder


def _listed(flag: str, selections: Sequence[str]) -> list[str]:
    for selection in selections:
        if not selection or selection.startswith("-"):
            raise DbtSelectionInvalid(selection=selection or '""')
    return [flag, *selections] if selections else []


def _replace(kept: Path, state: Path) -> None:
    """Whole or not at all: two may parse at once."""
    new = kept.with_name(f"{kept.name}.{os.getpid()}.{threading.get_ident()}")
    try:
        shutil.copyfile(state, new)
        new.replace(kept)
    finally:
        new.unlink(missing_ok=True)


def _directory(path: Path) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    return path.resolve()
