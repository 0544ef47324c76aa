"""One host: its disk, its cable, its power."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Self

from tests.hosts.lab import control_group
from tests.hosts.lab.command import CommandFailed, Outcome, run

if TYPE_CHECKING:
    from tests.hosts.lab.ground import Ground

_BOOT_SECONDS = 90


class Host:
    """``name`` is ``h<number>``; ``address`` is reached from within the lab only.

    It boots and runs commands on behalf of the test; all else goes on without it.
    """

    def __init__(self, ground: Ground, number: int) -> None:
        self.number = number
        self.name = f"h{number}"
        self.address = ground.address(number)
        self._ground = ground
        self._room = ground.room
        # As the room sees it: its memory, for a host's disk goes with the lab.
        self._place = f"/run/hosts/{self.name}"
        self._cgroup = ground.cgroup / self.name
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> Self:
        """Power on, and wait until it has booted and its sshd listens."""
        self.power_on()
        return self.booted()

    def power_on(self) -> None:
        """Without waiting. A host that ran before finds its disk as it left it."""
        assert not self.running, f"{self.name} runs already"
        self._clear()
        if not self.path("/").exists():
            self._new_disk()
        self._plug_in()
        self._cgroup.mkdir(parents=True, exist_ok=True)
        enter_and_boot = (
            'echo 0 >"/sys/fs/cgroup/$0/cgroup.procs"; exec systemd-nspawn --quiet --boot'
            ' --directory="$1" --machine="$2" --network-namespace-path="/run/netns/$2"'
            " --register=no --keep-unit --settings=no --resolv-conf=off --timezone=off"
            " --link-journal=no --console=read-only"
        )
        of_cgroup = f"{self._ground.cgroup.name}/{self.name}"
        arguments = [of_cgroup, f"{self._place}/root", self.name]
        with self.console.open("ab") as console:
            self._process = subprocess.Popen(
                self._room.inside(["sh", "-c", enter_and_boot, *arguments]),
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
                start_new_session=True,
            )

    def booted(self) -> Self:
        """Wait for what `power_on` began. Raises CommandFailed with the console's last lines."""

        def it_is() -> bool:
            with suppress(CommandFailed, OSError):
                self._within(
                    "systemctl", "is-active", "--quiet", "multi-user.target", "ssh.service"
                )
                return True
            return False

        self._until(it_is, "it has booted", _BOOT_SECONDS)
        return self

    def kill(self) -> None:
        """A power cut: no process says good-bye, and nobody is told. The disk stays."""
        self._cable("down")
        self._write("cgroup.kill", "1")
        self._clear()

    def cut(self) -> None:
        """Unplug the cable."""
        self._cable("down")

    def heal(self) -> None:
        """Plug the cable in again."""
        self._cable("up")

    def freeze(self) -> None:
        """Stop everything on it at once, as a virtual machine is paused; its clock goes on."""
        self._write("cgroup.freeze", "1")
        self._until(lambda: control_group.event(self._cgroup, "frozen"), "it is frozen", 10)

    def thaw(self) -> None:
        self._write("cgroup.freeze", "0")

    def wipe(self) -> None:
        """Power cut, and a new disk at the next start."""
        if self.running:
            self.kill()
        self._room.do("umount", f"{self._place}/root")
        shutil.rmtree(self._seen(self._place))

    def sh(self, script: str, *, check: bool = True, timeout: float = 30) -> Outcome:
        """Run a shell script on it as root: by its systemd, so without its network or sshd.

        Raises CommandFailed as `Lab.run` does.
        """
        # systemd would put in what it takes for its variables.
        escaped = script.replace("$", "$$")
        unit = ["systemd-run", "--quiet", "--wait", "--pipe", "--collect", "sh", "-c", escaped]
        return self._within(*unit, shown=[self.name, script], check=check, timeout=timeout)

    def path(self, path: str) -> Path:
        """A file of its disk as this test reads it, also while the host is off or frozen."""
        return self._seen(f"{self._place}/root") / path.lstrip("/")

    @property
    def console(self) -> Path:
        """What it printed while booting."""
        return self._ground.folder / f"{self.name}.console"

    def close(self) -> None:
        if self._process is not None:
            self.kill()

    def _within(
        self, *argv: str, shown: list[str] | None = None, check: bool = True, timeout: float = 10
    ) -> Outcome:
        init = (self._cgroup / "payload/init.scope/cgroup.procs").read_text().split()
        if not init:
            raise CommandFailed(f"{self.name} has no init")
        enter = ["nsenter", "--target", init[0], "--all", "--wd=/", "--"]
        return run([*enter, *argv], shown=shown or argv, check=check, timeout=timeout)

    def _new_disk(self) -> None:
        upper = self._seen(f"{self._place}/upper")
        for folder, mode in (("etc/ssh", 0o755), ("root/.ssh", 0o700)):
            (upper / folder).mkdir(parents=True)
            (upper / folder).chmod(mode)
        (upper / "root").chmod(0o700)
        (upper / "etc/hostname").write_text(f"{self.name}\n")
        (upper / "etc/machine-id").write_text(f"{self.number:032x}\n")
        (upper / "etc/hosts").write_text(self._ground.hosts_file)
        shutil.copy(self._ground.key.with_suffix(".pub"), upper / "root/.ssh/authorized_keys")
        host_key = upper / "etc/ssh/ssh_host_ed25519_key"
        shutil.copy(self._ground.host_key(self.number), host_key)
        host_key.chmod(0o600)
        self._room.do("mkdir", f"{self._place}/work", f"{self._place}/root")
        layers = f"lowerdir={self._ground.base},upperdir={self._place}/upper"
        options = f"{layers},workdir={self._place}/work"
        self._room.do("mount", "-t", "overlay", "-o", options, self.name, f"{self._place}/root")

    def _plug_in(self) -> None:
        # Fixed addresses of the card: else the others look for the one of before the reboot.
        card = f"02:00:00:00:01:{self.number:02x}"
        script = (
            'ip netns add "$0"'
            ' && ip link add "$0" type veth peer name eth0 address "$1" netns "$0"'
            ' && ip link set "$0" master bridge up'
            ' && ip -n "$0" link set lo up'
            ' && ip -n "$0" address add "$2" dev eth0'
            ' && ip -n "$0" link set eth0 up'
        )
        network = f"{self.address}/{self._ground.prefix_length}"
        self._room.do("sh", "-ec", script, self.name, card, network)

    def _clear(self) -> None:
        """What is left of a host that has no power."""
        if self._process is None:
            return
        self._process.wait(timeout=20)
        gone = "its processes are gone"
        self._until(lambda: not control_group.event(self._cgroup, "populated"), gone, 20)
        self._room.do("sh", "-c", 'ip link del "$0"; ip netns del "$0"', self.name)
        control_group.remove(self._cgroup)
        self._process = None

    def _cable(self, state: str) -> None:
        self._room.do("ip", "link", "set", self.name, state)

    def _write(self, file: str, value: str) -> None:
        (self._cgroup / file).write_text(value)

    def _seen(self, path: str) -> Path:
        return self._room.root / path.lstrip("/")

    def _until(self, condition: Callable[[], bool], what: str, timeout: float) -> None:
        deadline = time.monotonic() + timeout
        while not condition():
            if time.monotonic() > deadline:
                last = self.console.read_text(errors="replace")[-2000:]
                raise CommandFailed(f"{self.name}: not within {timeout:.0f} s: {what}\n{last}")
            time.sleep(0.05)
