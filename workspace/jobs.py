"""The tests that connecting a project consists of, each a run with a page."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings

from bisync.lib import scratch
from workspace import runs
from workspace.dbt.errors import NoDbtProject
from workspace.git import ssh
from workspace.git.urls import check_url
from workspace.models import Connection, Repository, Run
from workspace.repositories import mirror_of
from workspace.warehouse import trial

_PROJECT_FILE = "dbt_project.yml"
_INSTALLED = frozenset({"dbt_packages", "dbt_modules"})
_MOST_FOLDERS = 50


@runs.handles("repository.test")
def repository_test(work: runs.Work) -> dict[str, object]:
    """What the remote has; over SSH, as long as nobody agreed to its host key, that key instead."""
    repository = Repository.objects.get(project=work.project)
    found: dict[str, object] = {"url": repository.url}
    if check_url(repository.url) == "ssh" and not repository.ssh_host_key:
        work.progress(step="host key")
        key = ssh.scan(repository.url)
        return {**found, "host_key": key, "fingerprint": ssh.fingerprint(key)}
    work.progress(step="branches")
    remote = mirror_of(repository).advertised()
    # Before the first pull a branch is still to be chosen.
    missing = repository.synced_at is not None and repository.branch not in remote.branches
    if missing:
        found["missing"] = repository.branch
    return {**found, "branches": list(remote.branches), "default": remote.default}


@runs.handles("repository.find")
def repository_find(work: runs.Work) -> dict[str, object]:
    """Where on the branch dbt projects lie, the nearest to the top first."""
    repository = Repository.objects.get(project=work.project)
    mirror = mirror_of(repository)
    work.progress(step="fetch")
    head = mirror.fetch()
    parts = [file.path.split("/") for file in mirror.files(head)]
    folders = [path[:-1] for path in parts if path[-1] == _PROJECT_FILE and not _INSTALLED & set(path)]
    if not folders:
        raise NoDbtProject(branch=repository.branch)
    nearest = sorted(folders, key=lambda folder: (len(folder), folder))[:_MOST_FOLDERS]
    return {"branch": repository.branch, "commit": head, "folders": ["/".join(f) for f in nearest]}


@runs.handles("connection.test")
def connection_test(work: runs.Work) -> dict[str, object]:
    """Whether versions can be built in the warehouse; `passed` on the way names what is known to be."""
    connection = Connection.objects.get(project=work.project, pk=work.params["connection"])
    parse = Run.objects.filter(project=work.project, kind="repository.parse", status="succeeded")
    last = parse.order_by("-id").first()
    sources: trial.Sources = last.result.get("sources", []) if last is not None else []
    base = Path(settings.DATA_DIR) / "warehouse" / str(work.project.pk) / "trial"
    passed: list[str] = []
    with scratch.folder(base, f"{work.run.pk}-") as folder:
        location = connection.location(schema="analytics", path=str(folder / "v" / "warehouse.duckdb"))
        for name, step in trial.steps(location, sources):
            work.progress(step=name)
            step()
            passed.append(name)
            work.progress(passed=passed)
    return {"passed": passed}
