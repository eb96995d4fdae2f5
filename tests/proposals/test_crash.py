"""`kill -9` of worker, dbt and git between the steps of everything ends with exactly one commit."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
pytestmark = [pytest.mark.dbt, pytest.mark.slow]


def test_whatever_is_killed_on_the_way_every_promise_holds() -> None:
    """One pass on PostgreSQL; `bin/bench crash` goes through all steps, databases and mutants."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("BISYNC_")}
    # The safe path leaves bench/ out of it, where catalog.py would hide the app of that name.
    clean |= {"PYTHONPATH": str(ROOT), "PYTHONSAFEPATH": "1"}

    done = subprocess.run(
        [sys.executable, "bench/crash.py", "pass-postgres"],
        cwd=ROOT,
        env=clean,
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stdout + done.stderr
