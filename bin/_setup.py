"""What the commands in this folder share: find Python, make the virtual environment, name what is missing.

Only the standard library, and nothing newer than Python 3.8: this runs before anything is installed.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

ROOT = Path(__file__).resolve().parent.parent
SUPPORTED = ((3, 13), (3, 12), (3, 11))
POSTGRES = Path("/usr/lib/postgresql")
SBIN = [Path("/usr/sbin"), Path("/usr/local/sbin")]
FONTS = [Path("/usr/share/fonts"), Path("/usr/local/share/fonts"), Path("/System/Library/Fonts")]
_STAMP = ".bisync-installed"


class Missing(NamedTuple):
    """Something this machine lacks: the sentence for people, the Debian package for apt-get."""

    sentence: str
    package: str


def say(text: str) -> None:
    print(text, flush=True)


def give_up(*sentences: str) -> NoReturn:
    """Leave with exit code 2 after saying what to do."""
    for sentence in sentences:
        print(sentence, file=sys.stderr, flush=True)
    sys.exit(2)


def run_main(main: Callable[[], int]) -> NoReturn:
    """Run a command to its exit code; Ctrl-C ends it without a traceback."""
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)


# -- What is missing ----------------------------------------------------------------------------------


def missing_for_demo() -> list[Missing]:
    """What Bisync itself needs and this machine lacks."""
    found = [_missing_python(), _missing_git()]
    return [missing for missing in found if missing]


def missing_for_tests() -> list[Missing]:
    """What the whole test suite needs and this machine lacks."""
    found = [_missing_postgres(), _missing_broker(), _missing_ssh(), _missing_chromium(), _missing_fonts()]
    return missing_for_demo() + [missing for missing in found if missing]


def _missing_python() -> Missing | None:
    if os.name != "posix":
        return Missing("Bisync runs on Linux and macOS; on Windows, install and use WSL.", "")
    if _version(_python_of(environment())) in SUPPORTED:
        return None
    found = base_python()
    if not found:
        return Missing(
            "Bisync needs Python 3.11, 3.12 or 3.13: install python3 and python3-venv.", "python3-venv"
        )
    if not shutil.which("uv") and not _succeeds([found, "-c", "import ensurepip"]):
        return Missing(f"{found} cannot make virtual environments: install python3-venv.", "python3-venv")
    return None


def _missing_git() -> Missing | None:
    return None if shutil.which("git") else Missing("Bisync needs git: install git.", "git")


def _missing_postgres() -> Missing | None:
    if shutil.which("initdb") or any(POSTGRES.glob("*/bin/initdb")):
        return None
    return Missing("The tests run on PostgreSQL too: install postgresql.", "postgresql")


def _missing_broker() -> Missing | None:
    if _has_valkey_wheel() or shutil.which("valkey-server") or shutil.which("redis-server"):
        return None
    return Missing("There is no embedded broker for this platform: install redis-server.", "redis-server")


def _missing_ssh() -> Missing | None:
    found = [shutil.which(program) for program in ("ssh", "ssh-keyscan", "ssh-agent")]
    if all(found) and (shutil.which("sshd") or any((folder / "sshd").exists() for folder in SBIN)):
        return None
    # Debian's server brings the client with it.
    return Missing("The tests run an SSH server: install openssh-server.", "openssh-server")


def _has_valkey_wheel() -> bool:
    if platform.system() == "Linux":
        libc, version = platform.libc_ver()
        new_enough = [int(part) for part in version.split(".")[:2] if part.isdigit()] >= [2, 28]
        return libc == "glibc" and new_enough and platform.machine() in {"x86_64", "aarch64"}
    return platform.system() == "Darwin"


def _missing_chromium() -> Missing | None:
    names = [os.environ.get("BISYNC_CHROMIUM") or "chromium", "chromium", "google-chrome"]
    if any(shutil.which(name) for name in names):
        return None
    return Missing("The browser tests drive Chromium: install chromium, or set BISYNC_CHROMIUM.", "chromium")


def _missing_fonts() -> Missing | None:
    for folder in FONTS:
        if any(file.suffix in {".ttf", ".otf", ".ttc"} for file in folder.rglob("*")):
            return None
    return Missing(
        "The browser tests need a font to draw text with: install fonts-liberation.", "fonts-liberation"
    )


def require(missing: list[Missing]) -> None:
    """Go on if nothing is missing, else say what to install and leave."""
    if missing:
        give_up(*(each.sentence for each in missing))


def install_missing(missing: list[Missing]) -> None:
    """Install what is missing with apt-get where that is allowed, else say what to install and leave."""
    packages = sorted({each.package for each in missing if each.package})
    if not packages:
        require(missing)
        return
    command = ["apt-get", "install", "-y", "--no-install-recommends", *packages]
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        give_up(*(each.sentence for each in missing), "On Debian or Ubuntu, as root: " + " ".join(command))
    say(f"Installing {', '.join(packages)}.")
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for argv in (["apt-get", "update", "-qq"], command):
        if subprocess.call(argv, env=quiet, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL) != 0:
            give_up(f"“{' '.join(argv)}” failed; its own lines above say why.")


# -- Python -------------------------------------------------------------------------------------------


def base_python() -> str:
    """A supported Python that can make virtual environments, or nothing."""
    usable = [python for python in _pythons() if _version(Path(python)) in SUPPORTED]
    return usable[0] if usable else ""


def _pythons() -> Iterator[str]:
    yield sys.executable
    for major, minor in SUPPORTED:
        found = shutil.which(f"python{major}.{minor}")
        if found:
            yield found
    found = shutil.which("python3")
    if found:
        yield found


def _version(python: Path) -> tuple[int, ...] | None:
    """The version of an interpreter that runs and has the modules Bisync needs."""
    probe = "import sys, sqlite3, ssl, venv; print(*sys.version_info[:2])"
    try:
        done = subprocess.run(
            [str(python), "-c", probe], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
    except OSError:
        return None
    return tuple(int(part) for part in done.stdout.split()) if done.returncode == 0 else None


def _succeeds(argv: Iterable[str]) -> bool:
    null = subprocess.DEVNULL
    return subprocess.call(list(argv), stdin=null, stdout=null, stderr=null) == 0


# -- The virtual environment --------------------------------------------------------------------------


def environment() -> Path:
    """Where the virtual environment is, or will be."""
    return Path(os.environ.get("BISYNC_VENV") or ROOT / ".venv").absolute()


def _python_of(venv: Path) -> Path:
    return venv / "bin" / "python"


def prepare(*files: str) -> Path:
    """The Python of the virtual environment, with what is pinned in `files` installed."""
    venv = environment()
    python = _python_of(venv)
    if _version(python) not in SUPPORTED:
        _create(venv)
    stamp = venv / _STAMP
    wanted = {f"{hashlib.sha256((ROOT / file).read_bytes()).hexdigest()}  {file}" for file in files}
    if stamp.exists() and wanted <= set(stamp.read_text(encoding="utf-8").splitlines()):
        return python
    # Gone while installing, so that an interrupted installation is repeated.
    if stamp.exists():
        stamp.unlink()
    say(f"Installing {' and '.join(files)} into {venv}; this takes a minute, once.")
    _install(python, files)
    stamp.write_text("\n".join(sorted(wanted)) + "\n", encoding="utf-8")
    return python


def _create(venv: Path) -> None:
    if venv.exists() and any(venv.iterdir()):
        if not (venv / "pyvenv.cfg").exists():
            give_up(f"{venv} is not a virtual environment: name another folder in BISYNC_VENV.")
        shutil.rmtree(venv)
    if subprocess.call([base_python(), "-m", "venv", "--without-pip", str(venv)]) != 0:
        give_up(f"The virtual environment {venv} could not be made; the lines above say why.")


def _install(python: Path, files: Iterable[str]) -> None:
    pinned = [argument for file in files for argument in ("-r", str(ROOT / file))]
    uv = shutil.which("uv")
    if uv:
        if subprocess.call([uv, "pip", "install", "--quiet", "--python", str(python), *pinned]) == 0:
            return
        say("uv could not install them; trying pip, which may know another package index.")
    if not _succeeds([str(python), "-m", "pip", "--version"]):
        subprocess.call([str(python), "-m", "ensurepip", "--default-pip"], stdout=subprocess.DEVNULL)
    pip = [str(python), "-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check"]
    if subprocess.call([*pip, *pinned]) != 0:
        give_up(
            "The packages could not be installed: check the connection to the package index and try again."
        )
