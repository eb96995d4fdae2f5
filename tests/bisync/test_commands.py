"""The commands in bin/: what they say is missing, and how they make the virtual environment."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

BIN = Path(__file__).resolve().parents[2] / "bin"


@pytest.fixture
def setup(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ModuleType:
    """bin/_setup.py as for an empty project in `tmp_path`."""
    spec = importlib.util.spec_from_file_location("_setup", BIN / "_setup.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    (tmp_path / "requirements.txt").write_text("")
    monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setenv("BISYNC_VENV", os.fspath(tmp_path / "venv"))
    monkeypatch.delenv("BISYNC_CHROMIUM", raising=False)
    return module


@pytest.fixture
def bare_machine(setup: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine with Python and nothing else; the folder returned is its whole PATH."""
    folder = tmp_path / "path"
    folder.mkdir()
    monkeypatch.setenv("PATH", os.fspath(folder))
    monkeypatch.setattr(setup, "POSTGRES", tmp_path / "none")
    monkeypatch.setattr(setup, "SBIN", [tmp_path / "none"])
    monkeypatch.setattr(setup, "FONTS", [tmp_path / "none"])
    monkeypatch.setattr(setup.platform, "machine", lambda: "riscv64")
    return folder


def put_on_path(folder: Path, name: str, script: str = "exit 0") -> None:
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


def packages(missing: list[tuple[str, str]]) -> list[str]:
    return [package for _sentence, package in missing]


def test_everything_that_a_bare_machine_lacks_is_named(setup: ModuleType, bare_machine: Path) -> None:
    wanted = ["git", "postgresql", "redis-server", "openssh-server", "chromium", "fonts-liberation"]

    assert packages(setup.missing_for_tests()) == wanted


def test_what_is_there_in_any_of_its_shapes_is_not_asked_for(
    setup: ModuleType, bare_machine: Path, tmp_path: Path
) -> None:
    for name in ("git", "ssh", "ssh-keyscan", "ssh-agent", "google-chrome", "valkey-server"):
        put_on_path(bare_machine, name)
    for file in ("none/sshd", "none/15/bin/initdb", "none/truetype/DejaVu.ttf"):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).touch()

    assert setup.missing_for_tests() == []


def test_the_demo_asks_for_less_than_the_tests(setup: ModuleType, bare_machine: Path) -> None:
    assert packages(setup.missing_for_demo()) == ["git"]


def test_no_broker_is_asked_for_where_the_wheel_brings_one(
    setup: ModuleType, bare_machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(setup.platform, "system", lambda: "Linux")
    monkeypatch.setattr(setup.platform, "libc_ver", lambda: ("glibc", "2.28"))
    monkeypatch.setattr(setup.platform, "machine", lambda: "aarch64")

    assert "redis-server" not in packages(setup.missing_for_tests())


def test_a_python_of_the_wrong_version_is_not_enough(
    setup: ModuleType, bare_machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_on_path(bare_machine, "python3", "echo 3 10")
    monkeypatch.setattr(setup.sys, "executable", os.fspath(bare_machine / "python3"))

    assert "needs Python 3.11, 3.12 or 3.13" in setup.missing_for_demo()[0].sentence


def test_a_newer_python_beside_it_is_found(
    setup: ModuleType, bare_machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_on_path(bare_machine, "python3", "echo 3 10")
    put_on_path(bare_machine, "python3.13", "exit 127")
    put_on_path(bare_machine, "python3.12", "echo 3 12")
    monkeypatch.setattr(setup.sys, "executable", os.fspath(bare_machine / "python3"))

    assert setup.base_python() == os.fspath(bare_machine / "python3.12")


def test_a_python_without_ensurepip_is_enough_only_with_uv(
    setup: ModuleType, bare_machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_on_path(bare_machine, "python3", 'case "$2" in *ensurepip*) exit 1;; esac; echo 3 11')
    monkeypatch.setattr(setup.sys, "executable", os.fspath(bare_machine / "python3"))

    assert packages(setup.missing_for_demo()) == ["python3-venv", "git"]

    put_on_path(bare_machine, "uv")
    assert packages(setup.missing_for_demo()) == ["git"]


def test_each_missing_thing_is_one_sentence_and_the_exit_code_is_2(
    setup: ModuleType, bare_machine: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        setup.require(setup.missing_for_tests())

    assert caught.value.code == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 6
    assert all("install" in line and line.endswith(".") for line in lines)


def test_who_is_not_root_is_told_the_command(
    setup: ModuleType,
    bare_machine: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    put_on_path(bare_machine, "apt-get")
    put_on_path(bare_machine, "git")
    monkeypatch.setattr(setup.os, "geteuid", lambda: 1000)

    with pytest.raises(SystemExit) as caught:
        setup.install_missing(setup.missing_for_tests())

    assert caught.value.code == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.endswith(
        "apt-get install -y --no-install-recommends "
        "chromium fonts-liberation openssh-server postgresql redis-server"
    )


def test_root_gets_what_is_missing_installed(
    setup: ModuleType, bare_machine: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    put_on_path(bare_machine, "apt-get", f'echo "$@" >>{tmp_path}/calls')
    monkeypatch.setattr(setup.os, "geteuid", lambda: 0)

    setup.install_missing(setup.missing_for_demo())

    calls = (tmp_path / "calls").read_text().splitlines()
    assert calls == ["update -qq", "install -y --no-install-recommends git"]


def test_packages_are_installed_once_and_again_when_their_list_changes(
    setup: ModuleType, bare_machine: Path, tmp_path: Path
) -> None:
    put_on_path(bare_machine, "uv", f"echo x >>{tmp_path}/calls")

    first = setup.prepare("requirements.txt")
    setup.prepare("requirements.txt")
    assert (tmp_path / "calls").read_text() == "x\n"
    (tmp_path / "requirements.txt").write_text("# changed\n")
    setup.prepare("requirements.txt")

    assert (tmp_path / "calls").read_text() == "x\nx\n"
    assert subprocess.check_output([first, "-c", "print('runs')"], text=True) == "runs\n"


def test_an_interrupted_installation_is_repeated(
    setup: ModuleType, bare_machine: Path, tmp_path: Path
) -> None:
    put_on_path(bare_machine, "uv", f"echo x >>{tmp_path}/calls")
    setup.prepare("requirements.txt")
    (tmp_path / "requirements.txt").write_text("# changed\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(setup, "_install", lambda *_args: sys.exit(130))
        with pytest.raises(SystemExit):
            setup.prepare("requirements.txt")
    (tmp_path / "requirements.txt").write_text("")

    setup.prepare("requirements.txt")

    assert (tmp_path / "calls").read_text() == "x\nx\n"


def test_an_environment_whose_python_has_gone_is_made_again(
    setup: ModuleType, bare_machine: Path, tmp_path: Path
) -> None:
    put_on_path(bare_machine, "uv", f"echo x >>{tmp_path}/calls")
    python = setup.prepare("requirements.txt")
    python.unlink()

    setup.prepare("requirements.txt")

    assert python.exists()
    assert (tmp_path / "calls").read_text() == "x\nx\n"


def test_a_folder_of_somebody_else_is_never_replaced(
    setup: ModuleType, bare_machine: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "venv").mkdir()
    (tmp_path / "venv" / "thesis.txt").touch()

    with pytest.raises(SystemExit) as caught:
        setup.prepare("requirements.txt")

    assert caught.value.code == 2
    assert "is not a virtual environment" in capsys.readouterr().err
    assert (tmp_path / "venv" / "thesis.txt").exists()


@pytest.mark.slow
def test_pip_is_used_where_uv_fails(
    setup: ModuleType, bare_machine: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    put_on_path(bare_machine, "uv", "exit 2")

    python = setup.prepare("requirements.txt")

    assert "uv could not install them; trying pip" in capfd.readouterr().out
    assert subprocess.call([python, "-m", "pip", "--version"], stdout=subprocess.DEVNULL) == 0


def test_a_benchmark_that_does_not_exist_is_answered_with_those_that_do() -> None:
    done = subprocess.run(
        [sys.executable, BIN / "bench", "nothing"], capture_output=True, text=True, check=False
    )

    assert done.returncode == 2
    assert "There is no benchmark nothing; there are: " in done.stderr


def test_the_demo_explains_itself_without_installing_anything(tmp_path: Path) -> None:
    env = {**os.environ, "BISYNC_VENV": os.fspath(tmp_path / "venv"), "PATH": os.fspath(tmp_path)}
    done = subprocess.run(
        [sys.executable, BIN / "demo", "--help"], env=env, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0
    assert "--reset" in done.stdout
    assert not (tmp_path / "venv").exists()


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
def test_ci_fails_when_a_check_fails(tmp_path: Path) -> None:
    (tmp_path / ".ci").mkdir()
    shutil.copy(BIN.parent / ".ci" / "run", tmp_path / ".ci" / "run")
    (tmp_path / "bin").mkdir()
    put_on_path(tmp_path / "bin", "check", "exit 1")
    put_on_path(tmp_path / "bin", "test", f"touch {tmp_path}/tested")

    done = subprocess.run([tmp_path / ".ci" / "run"], capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert "CI FAILED (exit code 1)" in done.stdout
    assert not (tmp_path / "tested").exists()
