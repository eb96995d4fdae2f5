"""How long a second start takes until the sign-in page answers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from bench import _demo
from bench._common import emit, timings

ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    _demo.prepare()
    from bisync.supervisor import free_port

    port = free_port("127.0.0.1")
    env = {**os.environ, "BISYNC_DATA_DIR": str(_demo.HOME)}

    def start() -> float:
        started = time.perf_counter()
        child = subprocess.Popen(
            [sys.executable, "manage.py", "demo", "--port", str(port)],
            cwd=ROOT,
            env=env,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/sign-in/", timeout=1).read()
            except OSError:
                if child.poll() is not None:
                    raise RuntimeError("the demo did not start") from None
                time.sleep(0.05)
            else:
                break
        taken = time.perf_counter() - started
        child.send_signal(signal.SIGINT)
        child.wait(timeout=30)
        return taken

    emit("start", "second start until the sign-in page answers", min(start() for _ in range(2)), "s")
    bare = [sys.executable, "-c", "import django; django.setup()"]
    import_env = {**env, "DJANGO_SETTINGS_MODULE": "bisync.settings"}
    seconds = timings(lambda: subprocess.run(bare, cwd=ROOT, env=import_env, check=True), repeat=3)
    emit("start", "django.setup()", seconds[0], "s")


if __name__ == "__main__":
    main()
