"""OpenSSH's own server on this machine, for whoever runs the tests, with one key that it lets in."""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType


class SshServer:
    """Serves this machine's folders over SSH while used as a context manager."""

    def __init__(self, folder: Path) -> None:
        program = shutil.which("sshd", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/usr/local/sbin")
        assert program, "There is no sshd on this machine: install openssh-server."
        self.folder = folder
        self.folder.mkdir(parents=True)
        self._program = program
        self._server: subprocess.Popen[bytes] | None = None
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.new_host_key()
        self.allow("")

    def url(self, path: Path) -> str:
        return f"ssh://{getpass.getuser()}@127.0.0.1:{self.port}{path}"

    def allow(self, public_key: str) -> None:
        """Let this key in, and no other."""
        (self.folder / "authorized_keys").write_text(f"{public_key}\n")

    def new_host_key(self) -> None:
        """Be somebody else from the next start on."""
        key = self.folder / "host_key"
        key.unlink(missing_ok=True)
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True, input=b"")

    @property
    def fingerprint(self) -> str:
        """As ssh-keygen tells it to whoever runs the server."""
        told = subprocess.run(
            ["ssh-keygen", "-l", "-f", str(self.folder / "host_key.pub")], check=True, capture_output=True
        )
        return told.stdout.decode().split()[1]

    def __enter__(self) -> SshServer:
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(exist_ok=True)  # where sshd wants to be able to go
        config = self.folder / "sshd_config"
        config.write_text(
            f"""Port {self.port}
ListenAddress 127.0.0.1
HostKey {self.folder}/host_key
AuthorizedKeysFile {self.folder}/authorized_keys
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
"""
        )
        with (self.folder / "log").open("ab") as log:
            self._server = subprocess.Popen(
                [self._program, "-D", "-e", "-f", str(config)], stdin=subprocess.DEVNULL, stderr=log
            )
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline and self._server.poll() is None:
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
                return self
            time.sleep(0.02)
        self.__exit__(None, None, None)
        raise AssertionError((self.folder / "log").read_text())

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.terminate()
            self._server.wait(timeout=10)
            self._server = None
