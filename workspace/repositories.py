"""A project's repository on this machine: its mirror, its dbt folder, a place to work in."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from bisync.lib.errors import BisyncError
from workspace.git.repository import Mirror, Remote
from workspace.models import Repository

_STALE = 86_400  # seconds; longer than any run


class FolderOutside(BisyncError):
    code = "dbt-folder-outside"
    message = _("The folder %(folder)s is not inside the repository. Correct it in the connection.")


def mirror_of(repository: Repository) -> Mirror:
    """The bare mirror that this machine keeps of the repository."""
    return Mirror(
        repository.mirror_path,
        Remote(
            url=repository.url,
            branch=repository.branch,
            username=repository.username,
            password=repository.password,
        ),
    )


def project_folder(tree: Path, repository: Repository) -> Path:
    """Where the dbt project lies in a checked-out tree. Raises `FolderOutside` for a way out of it."""
    folder = (tree / repository.folder).resolve()
    if not folder.is_relative_to(tree.resolve()):
        raise FolderOutside(folder=repository.folder)
    return folder


@contextmanager
def workdir() -> Iterator[Path]:
    """A folder for one run's profiles, target and logs, outside the repository; gone afterwards."""
    base = Path(settings.DATA_DIR) / "runs"
    base.mkdir(parents=True, exist_ok=True)
    clear_leftovers(base)
    with TemporaryDirectory(dir=base, prefix="run-") as folder:
        yield Path(folder)


def clear_leftovers(base: Path) -> None:
    """Remove the folders in `base` that workers which were killed have left behind."""
    for left in base.glob("*/"):
        with suppress(OSError):  # another worker was here first
            if time.time() - left.stat().st_mtime > _STALE:
                shutil.rmtree(left)
