"""The lab itself: hosts are hosts, and nothing of them stays."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.hosts.lab import CannotRun, CommandFailed, Host, Lab, needs
from tests.hosts.lab.inventory import REPOSITORY
from tests.hosts.lab.mirror import apt_mirror


@pytest.fixture
def bare(lab: Lab) -> list[Host]:
    """Two hosts that nobody else needs, with power."""
    hosts = [lab.host(8), lab.host(9)]
    for host in hosts:
        if not host.running:
            host.start()
    return hosts


def _reaches(host: Host, other: Host) -> bool:
    return not host.sh(f"ping -q -c1 -W1 {other.address}", check=False).status


def test_a_host_has_systemd_and_an_address_and_lets_ssh_in(lab: Lab, bare: list[Host]) -> None:
    host = bare[0]
    assert host.sh("ps -o comm= -p 1").out.strip() == "systemd"
    assert host.sh("systemctl is-system-running --wait").out.strip() == "running"
    said = lab.run(["ssh", *lab.ssh_options, f"root@{host.address}", "uname -n; echo $0"])
    assert said.out.splitlines() == [host.name, "bash"]


def test_a_script_on_a_host_arrives_as_it_was_written(bare: list[Host]) -> None:
    said = bare[0].sh(
        "x='a  b'; printf '%s|%d\\n' \"$x\" 3; echo $((1 + 1)) >&2; exit 3", check=False
    )
    assert (said.status, said.out, said.err) == (3, "a  b|3\n", "2\n")
    with pytest.raises(CommandFailed, match="ended with 3"):
        bare[0].sh("exit 3")


def test_a_power_cut_keeps_the_disk_and_wiping_does_not(bare: list[Host]) -> None:
    host = bare[0]
    host.sh("echo kept >/srv/note")
    host.kill()
    assert host.path("/srv/note").read_text() == "kept\n"
    host.start()
    assert host.sh("cat /srv/note").out == "kept\n"
    host.wipe()
    host.start()
    assert host.sh("test -e /srv/note", check=False).status == 1


def test_a_host_without_a_cable_is_alone(bare: list[Host]) -> None:
    one, other = bare
    _until(lambda: _reaches(one, other))
    one.cut()
    assert not _reaches(one, other)
    one.heal()
    _until(lambda: _reaches(one, other))


def test_a_split_parts_hosts_and_leaves_the_controller(lab: Lab, bare: list[Host]) -> None:
    one, other = bare
    lab.split(one, other)
    assert not _reaches(one, other)
    lab.run(["ssh", *lab.ssh_options, f"root@{one.address}", "true"])
    lab.join()
    _until(lambda: _reaches(one, other))


def test_nothing_on_a_frozen_host_moves(lab: Lab, bare: list[Host]) -> None:
    host = bare[0]
    host.sh("systemd-run --unit=beat sh -c 'while :; do date >>/srv/beat; sleep 0.01; done'")
    host.freeze()
    then = host.path("/srv/beat").read_bytes()
    with pytest.raises(CommandFailed):
        lab.run(["ssh", *lab.ssh_options, "-o", "ConnectTimeout=1", f"root@{host.address}", "true"])
    assert host.path("/srv/beat").read_bytes() == then
    host.thaw()
    host.sh(
        "n=$(wc -l </srv/beat); until [ $(wc -l </srv/beat) -gt $n ]; do :; done;"
        " systemctl stop beat"
    )


def test_a_command_that_takes_too_long_is_ended(lab: Lab) -> None:
    with pytest.raises(CommandFailed, match="not within"):
        lab.run(["sh", "-c", "sleep 600 & wait"], timeout=0.3)
    assert "sleep 600" not in lab.run(["ps", "-eo", "args"]).out


def test_an_owner_that_is_killed_leaves_no_process_and_the_next_lab_clears_up(
    lab: Lab, tmp_path: Path
) -> None:
    said = tmp_path / "said"
    script = (
        "import sys, time; from pathlib import Path; from tests.hosts.lab import Lab\n"
        "lab = Lab(); lab.host(1).start()\n"
        "part = Path(sys.argv[1] + '.part'); part.write_text(str(lab.folder))\n"
        "part.rename(sys.argv[1]); time.sleep(600)\n"
    )
    owner = subprocess.Popen([sys.executable, "-c", script, said], cwd=REPOSITORY)
    _until(said.exists)
    folder = Path(said.read_text())
    mine = f"crony-{folder.name}"
    assert mine in _all_control_groups()
    os.kill(owner.pid, signal.SIGKILL)
    owner.wait()
    _until(lambda: mine not in _all_control_groups())
    assert folder.exists()
    with Lab():
        assert not folder.exists()
    assert lab.host(8).sh("true").status == 0


def test_two_labs_know_nothing_of_each_other(bare: list[Host]) -> None:
    host = bare[0]
    host.sh("echo mine >/srv/note")
    with Lab() as another:
        twin = another.host(host.number).start()
        assert twin.address == host.address
        assert not twin.path("/srv/note").exists()
        twin.kill()
        _until(lambda: _reaches(bare[1], host))
    _until(lambda: _reaches(bare[1], host))


def test_what_a_machine_lacks_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CannotRun, match=r"systemd-nspawn is not on PATH .*systemd-container"):
        needs.check()


@pytest.mark.parametrize(
    ("file", "text"),
    [
        (
            "sources.list.d/debian.sources",
            """Types: deb
# of 2025
URIs: http://other/
Suites: bookworm-security

Types: deb deb-src
URIs: http://mirror/debian
Suites: bookworm bookworm-updates
""",
        ),
        ("sources.list", "# deb http://no/ bookworm\ndeb http://mirror/debian bookworm main\n"),
        (
            "sources.list.d/a.list",
            "deb [arch=amd64 trusted=yes] http://mirror/debian bookworm main",
        ),
    ],
)
def test_the_mirror_of_a_release_is_read_from_either_form(
    tmp_path: Path, file: str, text: str
) -> None:
    path = tmp_path / file
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    assert apt_mirror("bookworm", tmp_path) == "http://mirror/debian"
    assert apt_mirror("trixie", tmp_path) is None


def _all_control_groups() -> str:
    """Those with processes in them, of this whole machine."""
    found = [path.read_text() for path in Path("/proc").glob("[0-9]*/cgroup")]
    return "".join(found)


def _until(condition: object, timeout: float = 60) -> None:
    assert callable(condition)
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
