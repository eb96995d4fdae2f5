"""Settings that would give everything away stop start-up, with a sentence."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
KEY = "k" * 50

pytestmark = pytest.mark.pure


def started(tmp_path: Path, show: str = "", **settings: str) -> subprocess.CompletedProcess[str]:
    env = {"PATH": os.environ["PATH"], "BISYNC_DATA_DIR": str(tmp_path), "BISYNC_SECRET_KEY": KEY, **settings}
    return subprocess.run(
        [sys.executable, "-c", f"import bisync.settings as s\n{show}"],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"BISYNC_DEBUG": "yes", "BISYNC_URL": "https://bi.example.com"}, "BISYNC_DEBUG shows secrets"),
        ({"BISYNC_URL": "http://bi.example.com"}, "must begin with https://"),
        ({"BISYNC_URL": "bi.example.com"}, "must be an address"),
        ({"BISYNC_SECRET_KEY": "short"}, "at least 32 characters"),
        ({"BISYNC_DATABASE_URL": "mysql://x"}, "must begin with postgres://"),
        ({"BISYNC_LOG_FORMAT": "xml"}, "text or json"),
        ({"BISYNC_API_RATE": "600"}, "such as 600/minute, not '600'"),
        ({"BISYNC_API_RATE": "600/fortnight"}, "each second, minute, hour or day"),
        ({"BISYNC_API_RATE": "0/minute"}, "BISYNC_API_RATE must be"),
        ({"BISYNC_PRIVATE_REMOTES": "git.example.com, 10.0.0.0/33"}, "10.0.0.0/33"),
        ({"BISYNC_SECRET_KEY_FILE": "/nowhere/key"}, "cannot be read"),
    ],
)
def test_what_is_unsafe_is_refused(tmp_path: Path, settings: dict[str, str], words: str) -> None:
    done = started(tmp_path, **settings)

    assert done.returncode != 0
    assert words in done.stderr.splitlines()[-1]
    assert KEY not in done.stderr


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"BISYNC_URL": "https://bi.example.com"},
        {"BISYNC_URL": "http://bi.example.com", "BISYNC_INSECURE_HTTP": "yes"},
        {"BISYNC_DEBUG": "yes"},
        {"BISYNC_API_RATE": "5/second"},
    ],
)
def test_what_is_safe_starts(tmp_path: Path, settings: dict[str, str]) -> None:
    assert started(tmp_path, **settings).stderr == ""


@pytest.mark.parametrize(
    ("settings", "shown"),
    [
        ({}, "True True ['*']"),
        ({"BISYNC_URL": "https://bi.example.com"}, "False False []"),
        ({"BISYNC_URL": "https://bi.example.com", "BISYNC_PRIVATE_REMOTES": "10.0.0.0/8"}, "False True []"),
    ],
)
def test_what_is_handy_on_ones_own_machine_is_off_at_a_public_address(
    tmp_path: Path, settings: dict[str, str], shown: str
) -> None:
    show = (
        "import ipaddress; inside = s.BISYNC_PRIVATE_REMOTES.hold('x', ipaddress.ip_address('10.1.2.3'))\n"
        "print(s.BISYNC_LOCAL_REMOTES, inside, s.BISYNC_DBT_EXECUTABLES)"
    )

    assert started(tmp_path, show, **settings).stdout.strip() == shown
