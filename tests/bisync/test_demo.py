from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# The loop needs production alone, with less data; two more environments would be built beside it.
DEMO = """
import sys
import django; django.setup()
from django.core.management import execute_from_command_line
from bisync.demo import company

company.VARIABLES["prod"] = company.VARIABLES["dev"]
everywhere = company.environments_of
company.environments_of = lambda project: everywhere(project).filter(kind="production")
execute_from_command_line(sys.argv)
"""


def processes_of(data_dir: Path) -> list[str]:
    """The command lines of all processes that were started for this data directory."""
    marker = f"BISYNC_DATA_DIR={data_dir}".encode()
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if marker in (folder / "environ").read_bytes().split(b"\0"):
                found.append((folder / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue
    return found


@pytest.mark.dbt
@pytest.mark.slow
def test_the_demo_drives_a_metric_all_the_way_round_and_leaves_no_process_behind(tmp_path: Path) -> None:
    env = {
        "PATH": os.environ["PATH"],
        "BISYNC_COMPILE": "no",
        "HOME": str(tmp_path),
        "BISYNC_DATA_DIR": str(tmp_path / "data"),
        "DJANGO_SETTINGS_MODULE": "bisync.settings",
    }

    done = subprocess.run(
        [sys.executable, "-c", DEMO, "demo", "--smoke", "--port", "0"],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "Its page shows it as published" in done.stdout
    deadline = time.monotonic() + 10
    while processes_of(tmp_path / "data") and time.monotonic() < deadline:
        time.sleep(0.2)
    assert processes_of(tmp_path / "data") == []
