"""What is worth a warning, rule by rule, and what is none."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from crony_ops.catalog import load_catalog
from crony_ops.catalog.inventory import Inventory, find_inventory, inventory_of, read_inventory
from crony_ops.catalog.job_file import read_job_file
from crony_ops.catalog.timing import Intervals
from crony_ops.errors import InvalidInput

NOW = 1_795_348_800
INVENTORY = Inventory(
    frozenset({"web-1", "db-1"}),
    {"web": frozenset({"web-1"}), "empty": frozenset(), "all": frozenset({"web-1", "db-1"})},
)


def warned(fields: str, schedule: str = "30 5 * * *", action: str = "shell: x") -> dict[str, str]:
    """What is warned of in a job with these fields, by the field it stands at."""
    text = f"jobs:\n  a: {{schedule: '{schedule}', {action}, timeout: 1s, {fields}}}\n"
    read = read_job_file("x.yaml", text.encode(), {}, Intervals(NOW), INVENTORY)
    assert [p.render() for p in read.problems if p.level == "error"] == []
    assert all(p.jobs == {"a"} for p in read.problems)
    return {p.field.removeprefix("jobs.a."): p.message for p in read.problems}


@pytest.mark.parametrize(
    ("schedule", "what"),
    [
        ("* 2 * * *", "in every minute of hour 2; for once an hour write `0 2 * * *`"),
        ("* */2 * * *", "in every minute of hour */2"),
        ("* 2,14 * * *", "in every minute of hour 2,14"),
        ("0 * 2 * * *", "in every minute of hour 2"),
        ("* * * * * *", "in every second of every minute; five fields, `* * * * *`"),
        ("* 30 2 * * *", "in every second of minute 30"),
        ("30 2 * * * *", "seconds first: it fires every hour, 2 min 30 s past it; for 02:30 each"),
    ],
)
def test_a_time_that_was_left_blank(schedule: str, what: str) -> None:
    assert what in warned("", schedule)["schedule"]


@pytest.mark.parametrize(
    "schedule",
    [
        *("* * * * *", "*/5 * * * *", "*/5 2 * * *", "0-59 2 * * *", "* 9-17 * * 1-5", "@hourly"),
        *("*/10 * * * * *", "0 * * * * *", "0 30 2 * * *", "15 40 * * * *", "@every 1s"),
    ],
)
def test_a_time_that_was_meant(schedule: str) -> None:
    assert warned("", schedule) == {}


def test_a_time_that_the_clocks_skip_or_repeat() -> None:
    found = warned("timezone: Europe/Berlin", "30 2 * * *")["schedule"]
    assert "the clocks change in Europe/Berlin: on 2027-03-28 there is no 02:30: it runs" in found
    assert "on 2027-10-31 02:30 comes twice: it runs the first time only" in found
    assert warned("timezone: Europe/Berlin", "30 2 * * 1") == {}
    assert warned("timezone: Europe/Berlin", "*/30 * * * *") == {}


def test_a_place_that_no_host_of_the_inventory_has() -> None:
    assert (
        "is called `web-2`; did you mean `web-1`?" in warned("run_on: {node: web-2}")["run_on.node"]
    )
    assert (
        "is in a group `wep`; did you mean `web`?" in warned("run_on: {group: wep}")["run_on.group"]
    )
    assert "is in a group `empty`" in warned("run_on: {group: empty}")["run_on.group"]
    for place in ("{node: db-1}", "{group: web}", "{every: true}", "auto"):
        assert warned(f"run_on: {place}") == {}


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ("user: root", "user"),
        ("umask: '000'", "umask"),
        ("interpreter: /bin/sh", "interpreter"),
        ("interpreter: bash -eu", "interpreter"),
        ("interpreter: /usr/bin/python3", "interpreter"),
        ("interpreter: perl -c", "interpreter"),
        ("env: {PGPASSWORD: hunter2}", "env.PGPASSWORD"),
    ],
)
def test_what_is_seldom_meant(fields: str, field: str) -> None:
    assert list(warned(fields)) == [field]


@pytest.mark.parametrize(
    "fields",
    [
        *("user: backup", "umask: '027'", "umask: '0002'", "nice: 19", "interpreter: bash -euc"),
        *("interpreter: python3 -c", "interpreter: perl -E", "interpreter: /opt/run"),
        *("env: {TOKEN_FILE: /run/token}", "env: {SSH_PRIVATE_KEY: /etc/key}", "env: {KEYS: a}"),
    ],
)
def test_what_is_well(fields: str) -> None:
    assert warned(fields) == {}


@pytest.mark.parametrize(
    "command",
    [
        "PGPASSWORD=hunter2 pg_dump",
        "export API_TOKEN='abc def'",
        "x --password=hunter2",
        "x --db-password hunter2",
        "gpg --batch --passphrase hunter2 -d x",
        "mysqldump -u me -phunter2 app",
        "sshpass -p hunter2 ssh x",
        "curl -u me:hunter2 https://x",
        "curl https://me:hunter2@example.com/",
    ],
)
def test_a_command_that_holds_a_secret(command: str) -> None:
    found = warned("", action=f'shell: "{command}"')
    assert list(found) == ["shell"]
    assert "hunter2" not in found["shell"]


@pytest.mark.parametrize(
    "command",
    [
        "PGPASSWORD=$(cat /run/pw) pg_dump",
        "PGPASSWORD=$PW x",
        "TOKEN=`cat /run/t`; TOKEN= x; unset TOKEN",
        "x --password-file /run/pw --token $T --password '$PW'",
        "x --password --verbose",
        "x --private-key me.pem",
        "mysql -p app; mysql --port 3306",
        "mkdir -p /var/x; cp -pr a b",
        "curl -u me:$PW https://x; curl -u $USER https://example.com:8080/a@b",
        "[ -z $SECRET ] || echo token=x",
    ],
)
def test_a_command_that_refers_to_one(command: str) -> None:
    assert warned("", action=f'shell: "{command}"') == {}


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ("headers: {Authorization: Bearer abc}", "http.headers.Authorization"),
        ("headers: {X-Api-Key: abc}", "http.headers.X-Api-Key"),
        ("query: {access_token: abc}", "http.query.access_token"),
        ("""body: '{"password": "abc"}'""", "http.body"),
    ],
)
def test_a_request_that_holds_a_secret(fields: str, field: str) -> None:
    assert list(warned("", action=f"http: {{url: 'https://x', {fields}}}")) == [field]


def test_a_request_that_refers_to_one() -> None:
    fields = "headers: {Authorization: 'Bearer ${file:/t}', X-Key: a}, query: {token: '${env:T}'}"
    assert warned("", action=f"http: {{url: 'https://${{env:U}}:${{env:P}}@x', {fields}}}") == {}
    found = warned("", action="http: {url: 'https://me:abc@x'}")
    assert list(found) == ["http.url"]


def write(folder: Path, jobs: dict[str, str]) -> Path:
    lines = "".join(f"  {job_id}: {{{fields}, shell: x}}\n" for job_id, fields in jobs.items())
    (folder / "jobs").mkdir()
    (folder / "jobs" / "a.yaml").write_text(f"jobs:\n{lines}")
    return folder / "jobs"


def test_a_herd_is_told_once_with_how_to_spread_it(tmp_path: Path) -> None:
    jobs = {f"b{i}": "schedule: '0 2 * * *'" for i in range(4)}
    jobs |= {f"c{i}": "schedule: '0 2 1 * *'" for i in range(4)}
    jobs |= {f"h{i}": "schedule: 'H 2 * * *'" for i in range(4)}
    jobs |= {f"s{i}": "schedule: '0 2 * * *', splay: 5m" for i in range(4)}
    folder = write(tmp_path, jobs)
    assert load_catalog(folder, herd=4).warnings == []
    daily, monthly = load_catalog(folder, herd=3).warnings
    assert (daily.line, daily.field, daily.jobs) == (
        *(2, "jobs.b0.schedule"),
        {"b0", "b1", "b2", "b3"},
    )
    assert "4 jobs fire in one second, such as 02:00:00 UTC: b0, b1, b2, …" in daily.what
    assert "`H`" in daily.mend
    assert "splay" in daily.mend
    assert monthly.jobs == {"c0", "c1", "c2", "c3"}


@pytest.mark.parametrize(
    ("schedule", "duration", "endless"),
    [
        ("0 2 * * *", "23h", False),
        ("0 2 * * *", "24h", True),
        ("*/10 * * * *", "10m", True),
        ("0 2 * * 0", "2d", False),
    ],
)
def test_windows_of_maintenance_that_never_end(schedule: str, duration: str, endless: bool) -> None:
    window = f"maintenance: [{{schedule: '{schedule}', duration: {duration}}}]"
    found = warned(window)
    assert ("maintenance[0].duration" in found) is endless
    assert not endless or "nobody is told" in found["maintenance[0].duration"]


def test_a_warning_that_comes_from_the_defaults_concerns_all_jobs() -> None:
    text = "defaults: {user: root}\njobs:\n  a: {schedule: '@daily', shell: x}\n"
    text += "  b.c: {schedule: '@daily', shell: x}\n"
    (problem,) = read_job_file("x.yaml", text.encode(), {}, Intervals()).problems
    assert (problem.field, problem.jobs) == ("defaults.user", {"a", "b.c"})


def test_groups_hold_the_hosts_of_their_children() -> None:
    listed = {
        "_meta": {"hostvars": {"a": {}}},
        "all": {"children": ["ungrouped", "site"]},
        "site": {"children": ["web", "db", "site"]},
        "web": {"hosts": ["a"]},
        "db": {"hosts": ["b"]},
    }
    found = inventory_of(listed)
    assert found.hosts == {"a", "b"}
    assert found.groups["site"] == found.groups["all"] == {"a", "b"}
    assert found.groups["ungrouped"] == frozenset()


@pytest.fixture
def ansible(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program in Ansible's place: it prints what its file `says`."""
    program = tmp_path / "bin" / "ansible-inventory"
    program.parent.mkdir()
    program.write_text('#!/bin/sh\n. "$(dirname "$0")/says"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    return program.parent / "says"


def test_the_inventory_is_asked_for_through_ansible(ansible: Path, tmp_path: Path) -> None:
    (tmp_path / "inventory").mkdir()
    assert find_inventory(tmp_path / "jobs") is None
    (tmp_path / "inventory" / "hosts").write_text("x")
    path = find_inventory(tmp_path / "jobs")
    assert path == tmp_path / "inventory"
    ansible.write_text(
        dedent(
            """\
            [ "$1 $2" = "--list --inventory" ] && [ -d "$3" ] || exit 9
            echo '{"_meta": {"hostvars": {}}, "web": {"hosts": ["web-1"]}}'
            """
        )
    )
    assert read_inventory(path) == Inventory(frozenset({"web-1"}), {"web": frozenset({"web-1"})})


def test_an_inventory_that_ansible_refuses_is_refused(ansible: Path, tmp_path: Path) -> None:
    ansible.write_text("echo 'ERROR! no such vault' >&2; exit 5")
    with pytest.raises(InvalidInput, match="no such vault"):
        read_inventory(tmp_path)
    ansible.write_text("echo '[]'")
    with pytest.raises(InvalidInput, match="no such list"):
        read_inventory(tmp_path)


def test_without_ansible_nothing_is_looked_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    assert read_inventory(tmp_path) is None
