"""A project's repository on this machine: its mirror, its dbt folder, a place to work in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from bisync.lib import scratch
from bisync.lib.errors import BisyncError
from workspace.git.repository import Mirror, Remote
from workspace.git.search import texts
from workspace.models import Repository
from workspace.warehouse.location import Location


class FolderOutside(BisyncError):
    code = "dbt-folder-outside"
    message = _("The folder %(folder)s is not inside the repository. Correct it in the connection.")


def mirror_of(repository: Repository) -> Mirror:
    """The bare mirror that this machine keeps of the repository."""
    if repository.get_deferred_fields():
        repository.refresh_from_db(fields=["password", "ssh_key"])
    return Mirror(
        repository.mirror_path,
        Remote(
            url=repository.url,
            branch=repository.branch,
            username=repository.username,
            password=repository.password,
            ssh_key=repository.ssh_key,
            host_key=repository.ssh_host_key,
        ),
    )


def dbt_texts(repository: Repository, commit: str) -> Mapping[str, str]:
    """The SQL and YAML of the dbt project at a commit: path in the project → text. Read once per process.

    Raises what `Mirror` raises where this machine does not have the commit.
    """
    return _dbt_texts(repository.mirror_path, repository.folder, commit)


@lru_cache(maxsize=4)
def _dbt_texts(path: Path, folder: str, commit: str) -> Mapping[str, str]:
    mirror = Mirror(path, Remote(url="", branch=""))  # it asks nobody else
    return MappingProxyType(texts(mirror, commit, folder, endings=(".sql", ".yml", ".yaml")))


def project_folder(tree: Path, repository: Repository) -> Path:
    """Where the dbt project lies in a checked-out tree. Raises `FolderOutside` for a way out of it."""
    folder = (tree / repository.folder).resolve()
    if not folder.is_relative_to(tree.resolve()):
        raise FolderOutside(folder=repository.folder)
    return folder


def reading_place(repository: Repository) -> Location:
    """Where dbt thinks that it builds while it only reads the project: an empty file, or the real server.

    The file lies where dbt starts: a path of each run's own would have dbt forget what it has read.
    """
    path = "warehouse.duckdb"
    if repository.connection is not None:
        return repository.connection.location(schema="analytics", path=path)
    return Location(adapter="duckdb", schema="analytics", path=path)


@contextmanager
def workdir() -> Iterator[Path]:
    """A folder for one run's profiles, target and logs, outside the repository; gone afterwards."""
    with scratch.folder(Path(settings.DATA_DIR) / "runs", "run-") as folder:
        yield folder
