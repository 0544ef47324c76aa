"""A real sshd on loopback for tests: its own host key, this user's login by a key made for it."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

# What root's sshd wants of a system, given in a mount namespace where there is none of it: a user
# to be before the login, and an empty folder.
_PREPARED = """\
cp /etc/passwd {folder}/passwd
grep -q ^sshd: /etc/passwd || echo sshd:x:65533:65534::/run/sshd:/bin/false >>{folder}/passwd
mount --bind {folder}/passwd /etc/passwd
mount -t tmpfs -o mode=755 run /run && mkdir -m 755 /run/sshd
exec "$@"
"""


def sshd_program() -> Path | None:
    """The one of this system, or that `make test` has unpacked."""
    unpacked = Path(__file__).parents[1] / ".venv/sshd/usr/sbin"
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin:{unpacked}"
    found = shutil.which("sshd", path=path)
    return Path(found) if found else None


def why_not() -> str | None:
    """Why there can be no sshd here; None if there can."""
    if sshd_program() is None:
        return "no sshd at hand"
    if missing := [name for name in ("ssh", "ssh-keygen") if shutil.which(name) is None]:
        return f"no {missing[0]} at hand"
    if os.geteuid() == 0 and subprocess.run(["unshare", "--mount", "true"], check=False).returncode:
        return "root may not make a mount namespace here"
    return None


class Sshd:
    """One sshd for each connection, as inetd would start it: so its port is one that is free."""

    def __init__(self, folder: Path) -> None:
        program = sshd_program()
        assert program is not None
        self.folder = folder
        self.user = pwd.getpwuid(os.geteuid()).pw_name
        self.key, self.host_key = folder / "id", folder / "host_key"
        for key in (self.key, self.host_key):
            make_key(key)
        shutil.copy(self.key.with_suffix(".pub"), folder / "authorized_keys")
        config = folder / "sshd_config"
        config.write_text(
            f"HostKey {self.host_key}\n"
            f"AuthorizedKeysFile {folder}/authorized_keys\n"
            "PidFile none\nUsePAM no\nStrictModes no\nPermitRootLogin prohibit-password\n"
        )
        self._log = (folder / "sshd.log").open("ab")
        self._command = [str(program), "-i", "-e", "-f", str(config)]
        if os.geteuid() == 0:
            script = _PREPARED.format(folder=folder)
            self._command = [
                *("unshare", "--mount", "--propagation", "private"),
                *("sh", "-ec", script, "sh", *self._command),
            ]
        libraries = program.parents[1] / "lib" / f"{os.uname().machine}-linux-gnu"
        self._environment = {**os.environ, "LD_LIBRARY_PATH": str(libraries)}
        self._servers: list[subprocess.Popen[bytes]] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def known_hosts(self) -> str:
        """The line that vouches for it."""
        kind, text, *_ = self.host_key.with_suffix(".pub").read_text().split()
        return f"[127.0.0.1]:{self.port} {kind} {text}\n"

    def variables(self, *options: str) -> dict[str, object]:
        """An inventory's of a host that is reached here; ``options`` go to ssh."""
        given = " ".join(f"-o {option}" for option in options)
        return {
            "ansible_host": "127.0.0.1",
            "ansible_port": self.port,
            "ansible_user": self.user,
            "ansible_ssh_private_key_file": str(self.key),
            "ansible_ssh_common_args": f"-F none -o IdentityAgent=none {given}",
        }

    def log(self) -> str:
        return Path(self._log.name).read_text(errors="replace")

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()
        for server in self._servers:
            server.kill()
            server.wait()
        self._log.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                with connection:
                    self._servers.append(
                        subprocess.Popen(
                            self._command,
                            stdin=connection.fileno(),
                            stdout=connection.fileno(),
                            stderr=self._log,
                            env=self._environment,
                        )
                    )


def make_key(path: Path) -> None:
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", path.name, "-f", str(path)]
    subprocess.run(command, check=True)


@contextmanager
def an_sshd(folder: Path) -> Iterator[Sshd]:
    server = Sshd(folder)
    try:
        yield server
    finally:
        server.close()
