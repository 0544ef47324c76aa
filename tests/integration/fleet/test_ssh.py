"""Programs run over a real sshd: by which key, on whose host key, and how they fail."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import pytest

from crony_ops.fleet.route import NoRoute, Route, find_route
from crony_ops.fleet.ssh import CONNECT, ProgramFailed, run_program
from tests.sshd import Sshd, make_key

ARGUMENTS = "import sys; print(sys.argv[1:])"


def to(sshd: Sshd, *options: str) -> Route:
    return find_route("h1", sshd.variables(*options), {})


def trusting(sshd: Sshd) -> Route:
    return to(sshd, "StrictHostKeyChecking=no")


def test_a_program_gets_its_arguments_whatever_is_in_them(sshd: Sshd) -> None:
    arguments = ("a b", "c'd", '$(touch /tmp/x) "', "", "-n", "ü\n")
    said = run_program(trusting(sshd), ARGUMENTS, *arguments, seconds=20)
    assert said.decode().strip() == str(list(arguments))


def test_its_source_stands_on_no_command_line(sshd: Sshd) -> None:
    said = run_program(
        trusting(sshd), "print(open('/proc/self/cmdline').read()) # s3cret-word", seconds=20
    )
    assert b"s3cret-word" not in said


@pytest.mark.parametrize(
    ("program", "words"),
    [
        ("raise ValueError('no such thing')", "h1: ValueError: no such thing"),
        ("import sys; sys.exit(3)", "h1: exit 3"),
        ("import os; os.kill(os.getppid(), 9); os.kill(os.getpid(), 9)", "h1: "),
        ("print('x' * (9 << 20))", "h1: it says more than can be right"),
    ],
)
def test_one_that_fails_says_why_in_a_line(sshd: Sshd, program: str, words: str) -> None:
    with pytest.raises(ProgramFailed) as raised:
        run_program(trusting(sshd), program, seconds=30)
    assert str(raised.value).startswith(words)
    assert "\n" not in str(raised.value)


def test_one_that_does_not_end_is_waited_for_no_longer_than_that(sshd: Sshd) -> None:
    began = time.monotonic()
    with pytest.raises(ProgramFailed, match="no answer within 1 s"):
        run_program(trusting(sshd), "import time; time.sleep(60)", seconds=1)
    assert time.monotonic() - began < 20


class TestHostKeys:
    def test_an_unknown_one_is_refused_unless_ssh_would_take_it(
        self, sshd: Sshd, tmp_path: Path
    ) -> None:
        known = tmp_path / "known" / "hosts"
        ask = to(sshd, f"UserKnownHostsFile={known}", "GlobalKnownHostsFile=/dev/null")
        with pytest.raises(NoRoute, match="not known here: `ssh 127"):
            run_program(ask, ARGUMENTS, seconds=20)
        accept = to(sshd, f"UserKnownHostsFile={known}", "StrictHostKeyChecking=accept-new")
        run_program(accept, ARGUMENTS, seconds=20)
        assert known.read_text() == sshd.known_hosts()
        run_program(ask, ARGUMENTS, seconds=20)

    def test_another_than_the_known_one_is_refused(self, sshd: Sshd, tmp_path: Path) -> None:
        make_key(tmp_path / "other")
        other = (tmp_path / "other.pub").read_text().split()[1]
        known = tmp_path / "known_hosts"
        known.write_text(f"[127.0.0.1]:{sshd.port} ssh-ed25519 {other}\n")
        route = to(sshd, f"UserKnownHostsFile={known}", "StrictHostKeyChecking=accept-new")
        with pytest.raises(NoRoute, match="not the one in known_hosts"):
            run_program(route, ARGUMENTS, seconds=20)

    def test_it_may_be_known_by_another_name(self, sshd: Sshd, tmp_path: Path) -> None:
        known = tmp_path / "known_hosts"
        known.write_text(f"web-1 {sshd.known_hosts().partition(' ')[2]}")
        route = to(sshd, f"UserKnownHostsFile={known}", "HostKeyAlias=web-1")
        run_program(route, ARGUMENTS, seconds=20)


def test_a_user_whose_key_it_does_not_take_is_not_asked_for_a_password(
    sshd: Sshd, tmp_path: Path
) -> None:
    make_key(tmp_path / "stranger")
    variables = sshd.variables("StrictHostKeyChecking=no", "IdentitiesOnly=yes")
    variables["ansible_ssh_private_key_file"] = str(tmp_path / "stranger")
    with pytest.raises(NoRoute, match="takes none of this user's keys"):
        run_program(find_route("h1", variables, {}), ARGUMENTS, seconds=20)


def test_by_way_of_another_host(sshd: Sshd) -> None:
    """`ssh` itself goes there."""
    gate = f"ssh -F none -i {sshd.key} -o StrictHostKeyChecking=no -o BatchMode=yes"
    gate += f" -o UserKnownHostsFile=/dev/null -p {sshd.port} -W %h:%p {sshd.user}@127.0.0.1"
    variables = sshd.variables("StrictHostKeyChecking=no")
    variables["ansible_ssh_extra_args"] = f"-o 'ProxyCommand={gate}'"
    route = find_route("h1", variables, {})
    assert route.proxy
    assert run_program(route, ARGUMENTS, "x", seconds=30) == b"['x']\n"


class TestNobodyThere:
    def test_a_closed_port(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        variables = {"ansible_host": "127.0.0.1", "ansible_port": port}
        with pytest.raises(NoRoute, match="h1 can't be reached by ssh: connection refused"):
            run_program(find_route("h1", variables, {}), ARGUMENTS, seconds=5)

    def test_a_host_that_takes_the_connection_and_is_silent(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
            variables = {"ansible_host": "127.0.0.1", "ansible_port": port}
            began = time.monotonic()
            with pytest.raises(NoRoute, match="takes the connection, and is silent"):
                run_program(find_route("h1", variables, {}), ARGUMENTS, seconds=5)
            assert time.monotonic() - began < 3 * CONNECT

    def test_a_name_that_is_nobodys(self) -> None:
        route = find_route("h1", {"ansible_host": "nobody.invalid"}, {})
        with pytest.raises(NoRoute, match="its address can't be looked up"):
            run_program(route, ARGUMENTS, seconds=5)
