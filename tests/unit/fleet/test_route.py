"""How a host is reached: Ansible's variables, ssh's own word, and known_hosts."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from crony_ops.catalog.inventory import inventory_of
from crony_ops.fleet.fleet_hosts import BadStateFolder, fleet_of, state_folder
from crony_ops.fleet.host_keys import host_name, keys_of, known_keys
from crony_ops.fleet.route import NoRoute, find_route, login_of, route_of, ssh_arguments
from tests.sshd import make_key

TOLD = """\
user deploy
hostname 10.0.0.7
port 2222
hostkeyalias web-1
stricthostkeychecking accept-new
identityfile ~/.ssh/id_a
identityfile /keys/b
globalknownhostsfile /etc/ssh/ssh_known_hosts
userknownhostsfile /tmp/k1 /tmp/k2
proxyjump gate,second
identityagent none
"""


@pytest.mark.parametrize(
    ("variables", "defaults", "arguments"),
    [
        ({}, {}, ["--", "h1"]),
        ({"ansible_host": "10.0.0.1"}, {}, ["--", "10.0.0.1"]),
        (
            {"ansible_user": "ada", "ansible_port": 2222, "ansible_ssh_private_key_file": "/k"},
            {},
            ["-o", "Port=2222", "-o", "IdentityFile=/k", "-o", "User=ada", "--", "h1"],
        ),
        (
            {"ansible_ssh_common_args": "-o 'UserKnownHostsFile=/a b' -J gate"},
            {},
            ["-o", "UserKnownHostsFile=/a b", "-J", "gate", "--", "h1"],
        ),
        (
            {"ansible_user": "ada"},
            {"remote_user": "bob", "ssh_args": "-o ControlMaster=auto", "private_key_file": None},
            ["-o", "ControlMaster=auto", "-o", "User=ada", "--", "h1"],
        ),
        ({}, {"remote_user": "bob"}, ["-o", "User=bob", "--", "h1"]),
        (
            {},
            {"host_key_checking": False},
            ["-o", "StrictHostKeyChecking=no", "--", "h1"],
        ),
        (
            {"ansible_host_key_checking": True},
            {"host_key_checking": False},
            ["--", "h1"],
        ),
    ],
)
def test_ssh_is_told_what_ansible_would_tell_it(
    variables: dict[str, Any], defaults: dict[str, Any], arguments: list[str]
) -> None:
    assert ssh_arguments("h1", variables, defaults) == arguments


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"ansible_connection": "local"}, "its ansible_connection is local"),
        ({"ansible_host": "{{ where }}"}, "ansible_host is a template"),
        ({"ansible_host": "-oProxyCommand=x"}, "is no address"),
        ({"ansible_ssh_common_args": "-o 'x"}, "ssh arguments"),
    ],
)
def test_what_is_no_way_to_a_host_is_said(variables: dict[str, Any], words: str) -> None:
    with pytest.raises(NoRoute, match="h1 can't be reached") as raised:
        ssh_arguments("h1", variables, {})
    assert words in str(raised.value)


def test_a_route_is_what_ssh_makes_of_it() -> None:
    route = route_of("h1", TOLD, "/opt/python")
    assert (route.address, route.port, route.user) == ("10.0.0.7", 2222, "deploy")
    assert route.keys == (Path("~/.ssh/id_a").expanduser(), Path("/keys/b"))
    assert route.known_hosts == tuple(map(Path, ("/tmp/k1", "/tmp/k2", "/etc/ssh/ssh_known_hosts")))
    assert (route.strict, route.key_name, route.agent) == ("accept-new", "web-1", False)
    assert route.proxy == "ssh -o BatchMode=yes -J gate -W [10.0.0.7]:2222 second"
    assert route.python == "/opt/python"


@pytest.mark.parametrize(
    ("told", "strict"),
    [("ask", "true"), ("yes", "true"), ("true", "true"), ("no", "false"), ("off", "false")],
)
def test_nobody_is_asked_whether_a_host_may_be_trusted(told: str, strict: str) -> None:
    assert route_of("h1", f"stricthostkeychecking {told}\n").strict == strict


@pytest.mark.skipif(shutil.which("ssh") is None, reason="no ssh at hand")
def test_ssh_itself_is_asked() -> None:
    variables = {
        "ansible_host": "10.0.0.9",
        "ansible_ssh_common_args": "-F none -o UserKnownHostsFile=/dev/null -p 23",
    }
    route = find_route("h1", variables, {"remote_user": "bob"})
    assert (route.address, route.port, route.user) == ("10.0.0.9", 23, "bob")
    assert Path("/dev/null") not in route.known_hosts
    with pytest.raises(NoRoute, match="ad configuration option"):
        find_route("h1", {"ansible_ssh_extra_args": "-F none -o Nonsense=1"}, {})


@pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="no ssh-keygen at hand")
def test_known_hosts_are_read_as_ssh_reads_them(tmp_path: Path) -> None:
    texts = []
    for name in ("a", "b", "c"):
        make_key(tmp_path / name)
        texts.append((tmp_path / f"{name}.pub").read_text().split()[1])
    a, b, c = texts
    file = tmp_path / "known_hosts"
    file.write_text(
        f"*.example.com,!bad.example.com ssh-ed25519 {a}\n"
        f"@revoked * ssh-ed25519 {b}\n"
        f"@cert-authority * ssh-ed25519 {c}\n"
        f"[web.example.com]:2222 ssh-ed25519 {c}\n"
    )
    known = known_keys("web.example.com", (file, tmp_path / "none"))
    assert known.trouble("ssh-ed25519", a) == ""
    assert "revoked" in str(known.trouble("ssh-ed25519", b))
    assert "not the one" in str(known.trouble("ssh-ed25519", c))
    assert known.refused_algorithms()[0] == "ecdsa-sha2-nistp256"
    assert known_keys("bad.example.com", (file,)).trouble("ssh-ed25519", a) is None
    assert known_keys("elsewhere", (file,)).refused_algorithms() == []
    assert known_keys(host_name("web.example.com", 2222), (file,)).trouble("ssh-ed25519", c) == ""


def test_lines_that_are_none_are_passed_over() -> None:
    known = keys_of(["# Host x found: line 1", "x", "@revoked", "", "x ssh-rsa AAAA comment"])
    assert known.trusted == {("ssh-rsa", "AAAA")}
    assert "rsa-sha2-512" not in known.refused_algorithms()


@pytest.mark.parametrize(
    ("variables", "login"),
    [
        ({}, "h1"),
        ({"ansible_host": "10.0.0.1", "ansible_user": "root"}, "root@10.0.0.1"),
        ({"ansible_host": "{{ x }}", "ansible_port": 2222}, "-p 2222 h1"),
    ],
)
def test_a_login_is_what_one_types(variables: dict[str, Any], login: str) -> None:
    assert login_of("h1", variables) == login


def test_the_fleet_is_the_groups_of_the_roles_and_state_folders_are_absolute() -> None:
    listed = {
        "nodes": {"children": ["web"]},
        "web": {"hosts": ["b"]},
        "etcd": {"hosts": ["a"]},
        "others": {"hosts": ["c"]},
    }
    assert fleet_of(inventory_of(listed)) == ["a", "b"]
    assert state_folder("h1", {}) == "/var/lib/crony"
    assert state_folder("h1", {"crony_node_settings": {"state_dir": "/srv/c"}}) == "/srv/c"
    for folder in ("x/y", "{{ here }}", 7):
        with pytest.raises(BadStateFolder):
            state_folder("h1", {"crony_node_settings": {"state_dir": folder}})
