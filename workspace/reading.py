"""dbt for a commit that is only read: parsed, or compiled where nothing is built."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from workspace import holds, runs
from workspace.dbt.runner import Dbt, DbtProject
from workspace.git.repository import Mirror
from workspace.models import Repository
from workspace.repositories import project_folder, reading_place, workdir


@contextmanager
def reading(work: runs.Work, repository: Repository, mirror: Mirror, commit: str) -> Iterator[Dbt]:
    """dbt on a checkout of its own, with the project's packages; of no commit that nobody agreed to."""
    holds.require_known(work, repository, mirror, commit)
    with mirror.worktree(commit) as tree, workdir() as into:
        dbt = Dbt(
            DbtProject(
                folder=project_folder(tree, repository),
                checkout=tree,
                workdir=into,
                target=repository.dbt_target,
                location=reading_place(repository),
                executable=repository.dbt_executable,
                kept=repository.parsed_path,
            )
        )
        dbt.deps()
        yield dbt
