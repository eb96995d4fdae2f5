"""The tests that connecting a project consists of."""

from __future__ import annotations

from workspace import runs
from workspace.git import ssh
from workspace.git.urls import check_url
from workspace.models import Repository
from workspace.repositories import mirror_of


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
    return {**found, "branches": list(remote.branches), "default": remote.default}
