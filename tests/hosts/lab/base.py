"""The system of a bare host, as its owner would hand it over: made once, read-only from then on."""

from __future__ import annotations

import hashlib
import platform
import shutil
import subprocess
from pathlib import Path

from tests.hosts.lab.cache import cache, one_at_a_time
from tests.hosts.lab.mirror import apt_mirror
from tests.hosts.lab.needs import CannotRun, need

_PACKAGES = (
    *("systemd", "systemd-sysv", "libpam-systemd", "dbus", "openssh-server", "sudo"),
    *("python3", "python3-venv", "iproute2", "iputils-ping", "procps", "netbase"),
    "ca-certificates",
)

# What each machine has of its own, and what is only in the way.
_REMOVED = ("etc/ssh/ssh_host_*", "etc/machine-id", "etc/hostname", "var/cache/apt/archives/*.deb")
# They wait for a terminal or a network that there is not.
_MASKED = (
    *("console-getty.service", "getty@tty1.service"),
    *("apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer", "fstrim.timer"),
)


def base_system() -> Path:
    """The root folder of the base system: this machine's own distribution and release.

    Takes minutes the first time. Raises CannotRun if it can't be made here.
    """
    suite = platform.freedesktop_os_release().get("VERSION_CODENAME", "")
    mirror = apt_mirror(suite) if suite else None
    if mirror is None:
        raise CannotRun("the sources of apt name no mirror of this machine's own release")
    made_of = "\n".join((*_PACKAGES, *_REMOVED, *_MASKED, mirror))
    root = cache() / f"base-{suite}-{hashlib.sha256(made_of.encode()).hexdigest()[:12]}"
    with one_at_a_time("base"):
        if not root.exists():
            need("debootstrap", "debootstrap")
            _make(root, suite, mirror)
    return root


def _make(root: Path, suite: str, mirror: str) -> None:
    new = root.with_name(f"{root.name}.new")
    if new.exists():
        shutil.rmtree(new)
    log = cache() / "debootstrap.log"
    packages = f"--include={','.join(_PACKAGES)}"
    with log.open("w") as out:
        made = subprocess.run(
            ["debootstrap", "--variant=minbase", packages, suite, str(new), mirror],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            check=False,
        )
    if made.returncode:
        last = (log.read_text().strip().splitlines() or [""])[-1]
        raise CannotRun(f"no base system from {mirror}: {last} (more in {log})")
    for pattern in _REMOVED:
        for path in new.glob(pattern):
            path.unlink()
    for unit in _MASKED:
        (new / "etc/systemd/system" / unit).symlink_to("/dev/null")
    # No name server: a look-up fails at once instead of hanging.
    (new / "etc/resolv.conf").unlink(missing_ok=True)
    (new / "etc/resolv.conf").touch()
    new.rename(root)
