"""Every page can tell how a run ended, whichever process shows it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from bisync.lib.errors import known_errors
from workspace import runs

# What a web server knows, which carries out no run and imports no handlers.
WEB = """
import json, django
django.setup()
import bisync.urls
from bisync.lib.errors import known_errors
print(json.dumps(sorted(known_errors())))
"""
LOWER = ("workspace.", "catalog.", "semantic.", "environments.")


def test_the_web_server_knows_the_errors_of_what_only_workers_do(tmp_path: Path) -> None:
    runs.load_handlers()
    told = subprocess.run(
        [sys.executable, "-c", WEB],
        env={
            "PATH": os.environ["PATH"],
            "DJANGO_SETTINGS_MODULE": "bisync.settings",
            "BISYNC_DATA_DIR": str(tmp_path),
        },
        check=True,
        capture_output=True,
    )
    needed = {code for code, kind in known_errors().items() if kind.__module__.startswith(LOWER)}

    assert needed - set(json.loads(told.stdout)) == set()
