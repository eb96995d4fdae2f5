"""A folder to work in is gone with its worker, and nobody's while somebody works in it."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bisync.lib import scratch
from tests.threads import at_once

pytestmark = pytest.mark.pure
ROOT = Path(__file__).resolve().parents[2]
WORKER = """
import sys, time
from pathlib import Path
from bisync.lib import scratch
with scratch.folder(Path(sys.argv[1]), "run-") as folder:
    (folder / "target").mkdir()
    (folder / "target" / "manifest.json").write_text("{}")
    print(folder.name, flush=True)
    time.sleep(60)
"""


def test_it_is_there_while_one_works_and_gone_afterwards(tmp_path: Path) -> None:
    with scratch.folder(tmp_path / "runs", "run-") as folder:
        (folder / "deep").mkdir()
        assert folder.name.startswith("run-")
        assert folder.stat().st_mode & 0o077 == 0
    with pytest.raises(ZeroDivisionError), scratch.folder(tmp_path / "runs", "run-"):
        _ = 1 / 0

    assert list((tmp_path / "runs").iterdir()) == []


def test_what_a_killed_worker_left_is_cleared_and_what_others_work_in_is_not(tmp_path: Path) -> None:
    argv = [sys.executable, "-c", WORKER, str(tmp_path)]
    workers = [subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    try:
        names = [worker.stdout.readline().strip() for worker in workers if worker.stdout]
        workers[0].send_signal(signal.SIGKILL)
        workers[0].wait()
        (tmp_path / "notes").write_text("not ours")

        scratch.clear(tmp_path)

        left = {path.name for path in tmp_path.iterdir()}
        assert left == {names[1], f"{names[1]}.lock", "notes"}
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()
            if worker.stdout:
                worker.stdout.close()


def test_a_child_that_still_writes_there_only_delays_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched, scratch.folder(tmp_path, "run-") as folder:
        patched.setattr(scratch.shutil, "rmtree", lambda _path, **_options: None)
    assert folder.exists()

    scratch.clear(tmp_path)

    assert list(tmp_path.iterdir()) == []


def test_many_at_once_never_clear_each_other(tmp_path: Path) -> None:
    def work() -> bool:
        for _ in range(40):
            with scratch.folder(tmp_path, "run-") as folder:
                (folder / "file").write_text("x")
                if not (folder / "file").exists():
                    return False
        return True

    assert at_once(*[work] * 6) == [True] * 6
    assert list(tmp_path.iterdir()) == []
