"""Where a process's own control group stands."""

from __future__ import annotations

from pathlib import Path

import pytest

from crony_ops.node.execution.cgroup import place_of

UNIFIED = "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate"
HYBRID = """31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755
32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu
41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw"""
SERVICE = "0::/system.slice/crony-node.service\n"


@pytest.mark.parametrize(
    ("mountinfo", "cgroup", "place"),
    [
        (UNIFIED, SERVICE, "/sys/fs/cgroup/system.slice/crony-node.service"),
        (UNIFIED, "0::/\n", "/sys/fs/cgroup"),
        (HYBRID, "1:cpu:/x\n" + SERVICE, "/sys/fs/cgroup/unified/system.slice/crony-node.service"),
        # A container that sees only its own part.
        (UNIFIED.replace("0:26 / ", "0:26 /pod/a "), "0::/pod/a/b\n", "/sys/fs/cgroup/b"),
        (UNIFIED.replace("0:26 / ", "0:26 /pod/a "), "0::/pod/ab\n", None),
        (UNIFIED.replace("/sys/fs", r"/a\040b"), SERVICE, "/a b/cgroup" + SERVICE[3:-1]),
        (HYBRID.splitlines()[1], SERVICE, None),
        (UNIFIED, "1:cpu:/x\n", None),
        ("", SERVICE, None),
        ("nonsense", "nonsense", None),
    ],
)
def test_a_groups_place(mountinfo: str, cgroup: str, place: str | None) -> None:
    assert place_of(mountinfo, cgroup) == (None if place is None else Path(place))
