"""`kill -9` of the worker between any two steps of publishing ends with exactly one commit."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection

from proposals.actions import publishing
from tests.proposals.story import Story

ROOT = Path(__file__).resolve().parents[2]
pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.dbt,
    pytest.mark.slow,
    pytest.mark.skipif(
        settings.DATABASES["default"]["ENGINE"] != "django.db.backends.sqlite3",
        reason="the killed workers share a copy of the SQLite file; nothing here depends on the database",
    ),
]


# In the order in which a worker reaches them.
POINTS = (
    "publish-start",
    "publish-committed",
    "publish-pushed",
    "publish-saved",
    "deploy-built",
    "deploy-views",
    "deploy-live",
)


def points_in_the_code() -> set[str]:
    """Every point of publishing and deploying that the product has."""
    files = ("proposals/jobs.py", "environments/jobs.py")
    sources = [(ROOT / file).read_text(encoding="utf-8") for file in files]
    return {name for text in sources for name in re.findall(r'crash\.point\("([\w-]+)"\)', text)}


def test_a_worker_killed_at_every_point_in_turn_leaves_one_commit_and_a_published_metric(
    tmp_path: Path, data_dir: Path
) -> None:
    story = Story.begin(tmp_path)
    proposal = story.approved()
    commits = int(story.git("rev-list", "--count", "main"))
    publishing.proposal_publish(proposal=proposal, actor=story.priya)
    database = data_dir / "bisync.sqlite3"
    with connection.cursor() as cursor:
        cursor.execute("VACUUM INTO %s", [str(database)])
    assert set(POINTS) == points_in_the_code()

    for point in POINTS:
        killed = work(data_dir, tmp_path, crash_at=point)
        assert killed.returncode == -9, (point, killed.stdout, killed.stderr)
    last = work(data_dir, tmp_path)

    assert last.returncode == 0, last.stderr
    assert int(story.git("rev-list", "--count", "main")) == commits + 1
    with sqlite3.connect(database) as rows:
        ((status, commit),) = rows.execute(
            "SELECT status, published_commit FROM proposals_proposal WHERE id = ?", [proposal.pk]
        )
        ((live,),) = rows.execute(
            'SELECT d."commit" FROM environments_environment e JOIN environments_deployment d ON d.id = e.live_id'
            " WHERE e.slug = 'prod'"
        )
        ((unfinished,),) = rows.execute(
            "SELECT count(*) FROM workspace_run WHERE status IN ('queued', 'running')"
        )
    assert (status, commit, live, unfinished) == ("published", story.head(), story.head(), 0)
    assert list((data_dir / "git" / "worktrees").glob("*")) == []
    shutil.rmtree(data_dir)


def work(data_dir: Path, home: Path, *, crash_at: str = "") -> subprocess.CompletedProcess[str]:
    """A worker of its own, killed at a point; it waits until the lease of the one before has lapsed."""
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "BISYNC_DATA_DIR": str(data_dir),
        "BISYNC_SECRET_KEY": settings.SECRET_KEY,
        "BISYNC_REDIS_URL": "redis://127.0.0.1:1/0",
        "BISYNC_RUN_LEASE_SECONDS": "2",
        "BISYNC_RUN_ATTEMPTS": "99",
        "BISYNC_CRASH_AT": crash_at,
    }
    argv = [sys.executable, "manage.py", "work", "--patience", "4"]
    return subprocess.run(argv, cwd=ROOT, env=env, capture_output=True, text=True, timeout=300, check=False)
