"""PID 1 of a room: while it lives, so do the room's processes, mounts and interfaces.

It ends when its standard input does, hence with whoever started it, however that ended. A program
of its own, for it runs before anything of the room is there.
"""

from __future__ import annotations

import signal
import subprocess
import sys


def main(address: str) -> None:
    for command in (
        "mount -t sysfs sysfs /sys",
        "mount -t cgroup2 cgroup2 /sys/fs/cgroup",
        "mount -t tmpfs -o mode=755 tmpfs /run",
        "ip link set lo up",
        # A fixed address: else a host that boots anew remembers another one for a while.
        "ip link add bridge address 02:00:00:00:00:01 type bridge",
        f"ip address add {address} dev bridge",
        "ip link set bridge up",
    ):
        subprocess.run(command.split(), check=True)
    # The kernel buries what the room leaves behind.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.read()


if __name__ == "__main__":
    main(sys.argv[1])
