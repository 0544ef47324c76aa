"""Where a command finds etcd, and which source goes before which."""

from __future__ import annotations

from pathlib import Path

import pytest

from crony_ops.cli.terminal import connection
from crony_ops.cli.terminal.connection import find_cluster, find_etcd
from crony_ops.errors import BadConfig


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(connection, "SYSTEM_CONFIG", tmp_path / "etc" / "cli.yaml")
    return tmp_path / "home"


def _config(path: Path, prefix: str, rest: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"cluster: here\netcd:\n  endpoints: [a:1]\n  prefix: {prefix}\n{rest}")
    return path


def test_nothing_said_means_this_machine(home: Path) -> None:
    found = find_etcd({"HOME": str(home)}, home)
    assert (found.endpoints, found.prefix) == (("127.0.0.1:2379",), "/crony")


def test_a_local_cluster_goes_before_the_home_folder_and_that_before_the_system(
    home: Path, tmp_path: Path
) -> None:
    work = tmp_path / "work"
    inside = work / "deep" / "inside"
    inside.mkdir(parents=True)
    environment = {"HOME": str(home)}
    for path, prefix in (
        (tmp_path / "etc" / "cli.yaml", "/system"),
        (home / ".config" / "crony" / "cli.yaml", "/home"),
        (work / ".crony" / "cluster.yaml", "/local"),
    ):
        _config(path, prefix)
        assert find_etcd(environment, inside).prefix == prefix


def test_a_flag_goes_before_the_environment_and_that_before_a_file(home: Path) -> None:
    config = _config(home / "c.yaml", "/file", "  request_timeout: 3\n")
    environment = {"CRONY_CONFIG": str(config), "CRONY_ETCD_PREFIX": "/environment"}
    found = find_etcd(environment, home)
    assert (found.prefix, found.endpoints, found.request_timeout) == ("/environment", ("a:1",), 3.0)
    found = find_etcd(environment, home, prefix="/flag", endpoints="b:1, c")
    assert (found.prefix, found.endpoints) == ("/flag", ("b:1", "c:2379"))


def test_named_endpoints_are_not_mixed_with_a_local_cluster(home: Path) -> None:
    _config(home / ".crony" / "cluster.yaml", "/local")
    found = find_etcd({}, home, endpoints="b:1")
    assert (found.endpoints, found.prefix) == (("b:1",), "/crony")


def test_credentials_come_from_the_environment_as_files(home: Path) -> None:
    environment = {"CRONY_ETCD_USERNAME": "ann", "CRONY_ETCD_PASSWORD_FILE": "/run/secret"}
    found = find_etcd(environment, home)
    assert (found.username, found.password_file) == ("ann", Path("/run/secret"))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("etcd: [", "while parsing"),
        ("", "no `etcd:` mapping"),
        ("etcd: 1", "no `etcd:` mapping"),
        ("etcd: {endpoint: a}", r"etcd\.endpoint: Extra inputs"),
        ("etcd: {prefix: crony}", r"etcd\.prefix: .*must start with /"),
    ],
)
def test_a_file_that_cant_be_used_is_named(home: Path, content: str, words: str) -> None:
    path = _config(home / "c.yaml", "/x")
    path.write_text(content)
    with pytest.raises(BadConfig, match=words) as refused:
        find_etcd({}, home, config=path)
    assert str(refused.value).startswith(f"{path}: ")
    assert refused.value.exit_status == 2


def test_a_file_that_is_named_must_be_there(home: Path) -> None:
    with pytest.raises(BadConfig, match="No such file"):
        find_etcd({"CRONY_CONFIG": str(home / "none.yaml")}, home)


def test_an_endpoint_that_is_none_is_laid_at_the_right_door(home: Path) -> None:
    with pytest.raises(BadConfig, match=r"the environment and the flags: .*no usable port"):
        find_etcd({"CRONY_ETCD_ENDPOINTS": "a:b"}, home)


def test_the_inventory_is_that_of_the_file_which_names_etcd_too(home: Path) -> None:
    config = _config(home / "fleet" / "cli.yaml", "/fleet", "inventory: hosts.yml\n")
    environment = {"CRONY_CONFIG": str(config)}
    assert find_cluster(environment, home).inventory == home / "fleet" / "hosts.yml"
    assert find_cluster(environment, home, endpoints="b:1").inventory is None
    assert find_cluster(environment | {"CRONY_ETCD_PREFIX": "/x"}, home).inventory is None
    environment["CRONY_INVENTORY"] = "others.yml"
    assert find_cluster(environment, home, endpoints="b:1").inventory == home / "others.yml"
    assert find_cluster(environment | {"CRONY_INVENTORY": ""}, home).inventory is None


def test_no_inventory_is_found_by_chance(home: Path) -> None:
    _config(home / ".crony" / "cluster.yaml", "/local")
    (home / "inventory").mkdir()
    (home / "inventory" / "hosts.yml").write_text("nodes: {hosts: {web-1: {}}}\n")
    assert find_cluster({}, home).inventory is None


def test_an_inventory_that_is_no_path_is_refused(home: Path) -> None:
    config = _config(home / "cli.yaml", "/fleet", "inventory: [a, b]\n")
    with pytest.raises(BadConfig, match="inventory: no path"):
        find_cluster({}, home, config=config)
