"""The embedded broker, with the real server."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from bisync import broker


@contextlib.contextmanager
def running(embedded: broker.Broker) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(embedded.argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 10
        while not embedded.ready():
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def no_wheel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broker.importlib.util, "find_spec", lambda _name: None)


def program(folder: Path, name: str, *, exit_code: int) -> str:
    folder.mkdir(exist_ok=True)
    file = folder / name
    file.write_text(f"#!/bin/sh\nexit {exit_code}\n")
    file.chmod(0o755)
    return str(file)


def test_what_was_queued_survives_a_killed_broker(tmp_path: Path) -> None:
    first = broker.embedded(tmp_path)
    with running(first) as process, redis.Redis.from_url(first.url) as client:
        client.rpush("queue", *range(100))
        time.sleep(1.5)
        process.send_signal(signal.SIGKILL)
        process.wait()

    second = broker.embedded(tmp_path)
    with running(second), redis.Redis.from_url(second.url) as client:
        assert client.llen("queue") == 100


def test_it_answers_this_machine_only_and_nobody_without_the_password(tmp_path: Path) -> None:
    embedded = broker.embedded(tmp_path)
    with running(embedded), redis.Redis.from_url(embedded.url) as client:
        assert client.config_get("bind") == {"bind": "127.0.0.1"}
        address = embedded.url.partition("@")[2]
        stranger = redis.Redis.from_url(f"redis://{address}")
        with stranger, pytest.raises(redis.AuthenticationError):
            stranger.ping()


def test_it_keeps_every_ring_on_disk_and_refuses_rather_than_forgets(tmp_path: Path) -> None:
    embedded = broker.embedded(tmp_path)
    with running(embedded), redis.Redis.from_url(embedded.url) as client:
        wanted = {"appendonly": "yes", "appendfsync": "everysec", "maxmemory-policy": "noeviction"}
        assert {name: client.config_get(name)[name] for name in wanted} == wanted


def test_the_password_is_in_a_private_file_and_nowhere_else(tmp_path: Path) -> None:
    embedded = broker.embedded(tmp_path)
    password = embedded.url.partition("redis://:")[2].partition("@")[0]
    config = tmp_path / "broker" / "broker.conf"

    assert len(password) >= 32
    assert password in config.read_text()
    assert config.stat().st_mode & 0o777 == 0o600
    assert config.parent.stat().st_mode & 0o777 == 0o700
    assert password not in " ".join(embedded.argv)
    assert password not in repr(embedded)


def test_every_start_has_a_password_of_its_own(tmp_path: Path) -> None:
    assert broker.embedded(tmp_path).url.split("@")[0] != broker.embedded(tmp_path).url.split("@")[0]


def test_a_data_directory_may_have_blanks_and_quotes_in_its_name(tmp_path: Path) -> None:
    folder = tmp_path / 'my "data" here'
    with running(broker.embedded(folder)):
        assert (folder / "broker" / "appendonlydir").is_dir()


def test_a_broker_that_is_not_there_is_not_ready() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"redis://:x@127.0.0.1:{probe.getsockname()[1]}/0"
        assert not broker.Broker((), url).ready()


def test_a_broker_that_hangs_is_not_ready(tmp_path: Path) -> None:
    embedded = broker.embedded(tmp_path)
    with running(embedded) as process:
        process.send_signal(signal.SIGSTOP)
        assert not embedded.ready()


@pytest.mark.usefixtures("no_wheel")
def test_without_the_wheel_a_server_on_path_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = program(tmp_path / "bin", "redis-server", exit_code=0)
    monkeypatch.setenv("PATH", os.fspath(tmp_path / "bin"))

    assert broker.embedded(tmp_path).argv[0] == server


@pytest.mark.usefixtures("no_wheel")
def test_a_server_that_does_not_run_here_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(tmp_path / "bin", "valkey-server", exit_code=127)
    server = program(tmp_path / "bin", "redis-server", exit_code=0)
    monkeypatch.setenv("PATH", os.fspath(tmp_path / "bin"))

    assert broker.embedded(tmp_path).argv[0] == server


@pytest.mark.usefixtures("no_wheel")
def test_without_any_server_a_sentence_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", os.fspath(tmp_path))

    with pytest.raises(broker.NoBroker, match=r"install valkey-server or redis-server.*BISYNC_REDIS_URL"):
        broker.embedded(tmp_path)


@pytest.mark.usefixtures("no_wheel")
@pytest.mark.skipif(shutil.which("redis-server") is None, reason="redis-server is not installed")
def test_a_redis_server_understands_the_same_settings(tmp_path: Path) -> None:
    embedded = broker.embedded(tmp_path)
    with running(embedded), redis.Redis.from_url(embedded.url) as client:
        assert client.ping()
