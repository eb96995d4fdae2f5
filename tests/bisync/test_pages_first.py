"""The web server begins warm, and what works beside it gives way."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
# What a first page would load: asked in a process of its own, since this one has loaded it.
PROGRAM = """
import sys
from bisync.gunicorn import on_starting
on_starting(None)
from django.db import connections
from django.template import engines
assert "proposals.views.review" in sys.modules
assert "bisync.api.urls" in sys.modules
cached = engines["django"].engine.template_loaders
names = {str(key) for loader in cached for key in getattr(loader, "get_template_cache", {})}
names |= {str(k) for loader in cached for inner in getattr(loader, "loaders", []) for k in getattr(inner, "get_template_cache", {})}
assert any("review" in name for name in names), names
assert all(one.connection is None for one in connections.all())
print("warm")
"""


def test_views_and_templates_are_loaded_before_the_first_visitor_and_no_connection_is_open(
    tmp_path: Path,
) -> None:
    env = {"PATH": "/usr/bin:/bin", "BISYNC_DATA_DIR": str(tmp_path), "PYTHONPATH": str(ROOT)}

    done = subprocess.run([sys.executable, "-c", PROGRAM], env=env, cwd=ROOT, capture_output=True, text=True)

    assert done.stdout == "warm\n", done.stderr


NICE = """
import sys
from pathlib import Path
from bisync.lib import process
process.give_way(10)
asked = "import os; print(os.nice(0)); print(open('/proc/self/autogroup').read())"
done = process.run([sys.executable, "-c", asked], cwd=Path("/"), env={})
print(done.stdout, done.output)
"""


def test_commands_of_a_worker_give_way_to_pages_also_where_sessions_share_the_processors() -> None:
    done = subprocess.run([sys.executable, "-c", NICE], cwd=ROOT, capture_output=True, text=True)

    assert done.stdout.startswith(f"{os.nice(0) + 10}\n"), done.stderr
    # A kernel that does not group by session has no such file, and takes the word of others ten times a second.
    alike = f"nice {os.nice(0) + 10}" in done.stdout
    assert alike or "No such file" in done.stdout or os.geteuid() != 0
