"""The services of docker-compose.yml: their very commands do the whole loop on PostgreSQL and Redis.

Nothing here runs containers. The commands, the environment and the secrets are those of the file; only the
addresses of the two servers and the paths of the secrets are this machine's.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from bisync import broker
from bisync.supervisor import free_port
from tests.bisync.test_demo import processes_of
from tests.postgres import Cluster

ROOT = Path(__file__).resolve().parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
OURS = {
    name: service
    for name, service in COMPOSE["services"].items()
    if service.get("image", "").startswith("bisync")
}
SMOKE = """
import django; django.setup()
from bisync.demo import company
from bisync.demo.smoke import Smoke
import sys
company.VARIABLES["prod"] = company.VARIABLES["dev"]  # less data
company.create(print)
from workspace import runs
from workspace.models import Run
for run in Run.objects.filter(kind="environment.deploy", finished_at=None):
    runs.cancel(run)  # the loop needs production alone
sys.exit(Smoke(sys.argv[1], print).drive())
"""


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    """What bin/compose-secrets makes."""
    (tmp_path / "bin").mkdir()
    script = shutil.copy(ROOT / "bin/compose-secrets", tmp_path / "bin")
    subprocess.run([sys.executable, script], check=True, capture_output=True)
    return tmp_path / "secrets"


def test_no_secret_is_in_the_file_and_every_one_that_it_names_is_made(secrets: Path) -> None:
    made = {file.name: file.read_text() for file in secrets.iterdir()}

    assert {Path(secret["file"]).name for secret in COMPOSE["secrets"].values()} == set(made)
    assert secrets.stat().st_mode & 0o077 == 0
    assert made["postgres_password"] in made["database_url"]
    assert f"requirepass {re.search(':([^:@]+)@', made['redis_url'])[1]}\n" in made["redis_conf"]  # type: ignore[index]
    for service in COMPOSE["services"].values():
        for name, value in service.get("environment", {}).items():
            assert name.endswith("_FILE") or not re.search("PASSWORD|SECRET|KEY|_URL_", name), value


def test_secrets_are_made_once(secrets: Path) -> None:
    before = {file.name: file.read_bytes() for file in secrets.iterdir()}

    done = subprocess.run(
        [sys.executable, secrets.parent / "bin/compose-secrets"], capture_output=True, text=True, check=True
    )

    assert "keep a copy" in done.stdout
    assert {file.name: file.read_bytes() for file in secrets.iterdir()} == before


def test_every_service_of_ours_is_fenced_and_stops_gracefully() -> None:
    assert set(OURS) == {"migrate", "web", "worker", "worker-quick", "beat"}
    for service in OURS.values():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
    assert all("healthcheck" in COMPOSE["services"][name] for name in ("web", "worker", "postgres", "redis"))
    queues = {queue for name in ("worker", "worker-quick") for queue in OURS[name]["command"][-1].split(",")}
    assert queues == {"quick", "heavy"}


def environment(service: dict[str, Any], secrets: Path, tmp_path: Path, **also: str) -> dict[str, str]:
    """As the container's, with this machine's paths."""
    given = {
        name: re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", str(value)).replace("/run/secrets", str(secrets))
        for name, value in service["environment"].items()
    }
    fixed = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "BISYNC_COMPILE": "no",
    }
    return {**fixed, "BISYNC_DATA_DIR": str(tmp_path / "data"), **given, **also}


@contextmanager
def running(argv: list[str], env: dict[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A service until it is asked to stop, as the engine asks."""
    with log.open("wb") as output:
        process = subprocess.Popen(argv, cwd=ROOT, env=env, stdout=output, stderr=output)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(45)
        finally:
            process.kill()


@pytest.mark.dbt
@pytest.mark.slow
def test_the_commands_of_the_services_do_the_whole_loop_on_postgresql_and_redis(
    secrets: Path, tmp_path: Path
) -> None:
    redis_port, web_port = free_port("127.0.0.1"), free_port("127.0.0.1", 0)
    address = f"http://127.0.0.1:{web_port}"
    for name, old, new in (
        ("redis_conf", "dir /data", f"dir {tmp_path}\nport {redis_port}\nbind 127.0.0.1"),
        ("redis_url", "@redis:6379", f"@127.0.0.1:{redis_port}"),
    ):
        file = secrets / name
        file.chmod(0o600)
        file.write_text(file.read_text().replace(old, new))
    also = {"BISYNC_URL": address, "BISYNC_LOCAL_REMOTES": "yes"}  # the demo's git remote is a folder
    (tmp_path / "data").mkdir()
    left: dict[str, subprocess.Popen[bytes]] = {}
    cluster = Cluster()
    cluster.start()
    try:
        (secrets / "database_url").chmod(0o600)
        (secrets / "database_url").write_text(cluster.url())
        redis = shutil.which("redis-server") or broker.embedded(tmp_path / "broker").argv[0]
        with ExitStack() as stack:
            conf = str(secrets / "redis_conf")
            stack.enter_context(running([redis, conf], {"PATH": os.environ["PATH"]}, tmp_path / "redis.log"))
            env = environment(OURS["web"], secrets, tmp_path, **also)
            for argv in (OURS["migrate"]["command"], ["python", "manage.py", "collectstatic", "--no-input"]):
                subprocess.run(argv, cwd=ROOT, env=env, check=True, capture_output=True)
            for name in ("web", "worker", "worker-quick", "beat"):
                argv = [
                    *OURS[name]["command"],
                    *(["--bind", f"127.0.0.1:{web_port}"] if name == "web" else []),
                ]
                left[name] = stack.enter_context(running(argv, env, tmp_path / f"{name}.log"))
            _ready(f"{address}/health/ready")
            probe = [sys.executable, "-m", "bisync.probe", f"{address}/health/ready"]
            assert subprocess.run(probe, cwd=ROOT, check=False).returncode == 0

            done = subprocess.run(
                [sys.executable, "-c", SMOKE, address],
                cwd=ROOT,
                env={**env, "DJANGO_SETTINGS_MODULE": "bisync.settings"},
                capture_output=True,
                text=True,
                timeout=600,
                check=False,
            )

            assert done.returncode == 0, done.stdout + done.stderr
            assert "Its page shows it as published" in done.stdout
        assert {name: process.returncode for name, process in left.items()} == dict.fromkeys(left, 0)
        # A schedule that is kept in a file may be torn, and then the beat ends at every start.
        assert not list(ROOT.glob("celerybeat*"))
        assert processes_of(tmp_path / "data") == []
    finally:
        cluster.stop()


def _ready(url: str) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                if b'"status": "ready"' in answer.read():
                    return
        except OSError:
            pass
        time.sleep(0.3)
    raise AssertionError(f"{url} was never ready")
