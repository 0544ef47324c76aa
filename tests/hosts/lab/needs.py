"""What a machine must have to boot hosts, and what this one lacks."""

from __future__ import annotations

import os
import shutil
import subprocess

# By Debian's package.
_PROGRAMS = {
    "systemd-nspawn": "systemd-container",
    "ip": "iproute2",
    "bridge": "iproute2",
    "ssh": "openssh-client",
    "ssh-keygen": "openssh-client",
    "unshare": "util-linux",
    "nsenter": "util-linux",
    "mount": "mount",
}

# Tried, not looked up: a kernel may have it and a container's rules forbid it.
_TRIALS = {
    "private namespaces": "true",
    "a control group (version 2) that can be killed": (
        "mount -t tmpfs none /run && mkdir /run/cg && mount -t cgroup2 none /run/cg"
        " && mkdir /run/cg/$0 && { test -e /run/cg/$0/cgroup.kill; found=$?; rmdir /run/cg/$0; }"
        " && exit $found"
    ),
    "overlayfs": (
        "mount -t tmpfs none /run && mkdir /run/u /run/w /run/m"
        " && mount -t overlay -o lowerdir=/etc,upperdir=/run/u,workdir=/run/w none /run/m"
    ),
    "a bridge": "ip link add crony-trial type bridge",
}


class CannotRun(Exception):
    """Hosts can't be booted on this machine; the text says why."""


def check() -> None:
    """Raises CannotRun with the first thing that this machine lacks."""
    if os.geteuid() != 0:
        raise CannotRun("hosts are booted by root only")
    for program, package in _PROGRAMS.items():
        need(program, package)
    own_name = f"crony-trial-{os.getpid()}"
    for what, script in _TRIALS.items():
        trial = subprocess.run(
            ["unshare", "--mount", "--net", "--pid", "--fork", "sh", "-c", script, own_name],
            capture_output=True,
            text=True,
            check=False,
        )
        if trial.returncode:
            said = trial.stderr.strip().splitlines() or [f"status {trial.returncode}"]
            raise CannotRun(f"this machine does not grant {what}: {said[-1]}")


def need(program: str, package: str) -> None:
    if shutil.which(program) is None:
        raise CannotRun(f"{program} is not on PATH (Debian has it in {package})")
