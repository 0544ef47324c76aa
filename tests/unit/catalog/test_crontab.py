"""From crontabs to jobs that do what cron did."""

from __future__ import annotations

import re
import subprocess
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crony_ops.catalog.crontab import CrontabLine, read_crontab
from crony_ops.catalog.crontab_jobs import Imported, import_lines, imported_text
from crony_ops.catalog.job_file import read_job_file
from crony_ops.catalog.timing import Intervals
from crony_ops.model.job import Job, RunOn
from crony_ops.model.notify import Notify
from crony_ops.schedule import parse_schedule
from tests.unit.catalog.crontab_manual import fires_at

HERE = Path(__file__).parent / "crontabs"
SYSTEM = [HERE / "crontab", *sorted((HERE / "cron.d").iterdir())]
START = datetime(2026, 1, 1, tzinfo=UTC)


def lines_of(*files: Path, system: bool = True, owner: str | None = None) -> list[CrontabLine]:
    found: list[CrontabLine] = []
    for file in files:
        read = read_crontab(str(file), file.read_text(), system=system, owner=owner)
        assert read.problems == ()
        found += read.lines
    return found


def imported(text: str, *, system: bool = False, **options: str) -> Imported:
    read = read_crontab("/tmp/tab", text, system=system)
    assert [problem.message for problem in read.problems] == []
    made = import_lines(read.lines, timezone="UTC", **options)  # type: ignore[arg-type]
    assert [problem.message for problem in made.problems] == []
    return made


def job(text: str, *, system: bool = False, **options: str) -> Job:
    (only,) = imported(text, system=system, **options).jobs.values()
    return only


def refusal(text: str, *, system: bool = False) -> str:
    read = read_crontab("/tmp/tab", text, system=system)
    made = import_lines(read.lines, timezone="UTC")
    (problem,) = (*read.problems, *made.problems)
    assert problem.file == "/tmp/tab"
    return problem.message


def next_minutes(schedule: str, count: int) -> list[datetime]:
    """By the manual, asked of each minute of each day on which the line fires at all."""
    days_only = " ".join(["*", "*", *schedule.split()[2:]]) if "@" not in schedule else schedule
    found: list[datetime] = []
    for day in (START + timedelta(days=number) for number in range(1100)):
        if not fires_at(days_only, day):
            continue
        minutes = (day + timedelta(minutes=number) for number in range(1440))
        found += islice((m for m in minutes if fires_at(schedule, m)), count - len(found))
        if len(found) == count:
            break
    return found


def our_minutes(job_id: str, of: Job, count: int) -> list[datetime]:
    schedule = parse_schedule(of.schedule, timezone="UTC", job_id=job_id)
    ticks = islice(schedule.between(int(START.timestamp()) - 1, 1 << 40), count)
    return [datetime.fromtimestamp(tick, UTC) for tick in ticks]


def test_a_debian_machines_crontabs_become_a_file_that_is_accepted() -> None:
    made = import_lines(lines_of(*SYSTEM), timezone="Europe/Berlin")
    assert made.problems == ()
    text = imported_text(made, ["Imported."])
    read = read_job_file("jobs/a.yaml", text.encode(), None, Intervals())
    assert [p.render() for p in read.problems if p.level == "error"] == []
    assert {written.id: written.job for written in read.jobs} == made.jobs
    assert [re.sub("-[0-9a-f]{4}$", "-*", job_id) for job_id in made.jobs] == [
        "crontab-cron-hourly",
        "crontab-cron-daily",
        "crontab-cron-weekly",
        "crontab-cron-monthly",
        "anacron-invoke-rc-d",
        "certbot",
        "e2scrub_all_cron",
        "e2scrub_all",
        "mdadm-checkarray",
        "php-sessionclean",
        "sysstat-debian-sa1-*",
        "sysstat-debian-sa1-*",
    ]


def test_what_they_fire_next_is_what_the_manual_says() -> None:
    for lines, made in (
        (lines_of(*SYSTEM), import_lines(lines_of(*SYSTEM), timezone="UTC")),
        (
            lines_of(HERE / "alice", system=False),
            import_lines(lines_of(HERE / "alice", system=False), timezone="UTC"),
        ),
    ):
        for line, (job_id, of) in zip(lines, made.jobs.items(), strict=True):
            expected = next_minutes(line.schedule, 12)
            assert our_minutes(job_id, of, 12) == expected, line.text


def test_a_users_crontab_with_all_that_cron_offers() -> None:
    lines = lines_of(HERE / "alice", system=False, owner="alice")
    made = import_lines(lines, timezone="Europe/Berlin")
    backup, report, mail, ping = made.jobs.values()
    assert list(made.jobs) == ["alice-backup", "alice-report", "alice-mail", "alice-curl"]
    assert (backup.user, backup.workdir, backup.timezone) == (
        "alice",
        "/srv/alice",
        "Europe/Berlin",
    )
    assert backup.notify.to == ("alice@example.com", "ops@example.com")
    assert backup.env == {"HOME": "/srv/alice", "LANG": "de_DE.UTF-8"}
    assert report.schedule == "*/15 8-18/2 * jan-mar,dec mon-fri"
    assert mail.shell is not None
    assert mail.shell.startswith("exec <<'END'\nJoe,\n\nno 50% more.\nEND\n")
    assert (ping.timezone, ping.splay) == ("Asia/Tokyo", 300)


@pytest.mark.parametrize("empty", ["MAILTO=", 'MAILTO=""'])
def test_an_empty_mailto_has_nobody_told(empty: str) -> None:
    crontab = f"{empty}\n0 4 * * * x\n"
    assert job(crontab).notify == Notify(on=())
    assert job("0 4 * * * x\n").notify == Notify()


def test_a_variable_is_taken_as_it_is_written() -> None:
    assert job("A=${HOME}/x\n0 4 * * * x\n").env == {"A": "$${HOME}/x"}


def test_a_job_runs_as_under_cron() -> None:
    found = job("SHELL=/usr/bin/zsh\n0 4 * * * false; true\n")
    assert found.interpreter == ("/usr/bin/zsh", "-c")
    assert job("0 4 * * * x").interpreter == ("/bin/sh", "-c")
    assert found.concurrency.value == "allow"
    assert found.run_on == RunOn()
    assert job("0 4 * * * x", node="db-1").run_on == RunOn(node="db-1")


@pytest.mark.parametrize(
    ("written", "run", "output"),
    [
        ("echo 50\\%", "echo 50%", "50%\n"),
        ("cat%one%two", None, "one\ntwo\n"),
        ("cat%one%%two%", None, "one\n\ntwo\n"),
        ("cat; echo end%in", None, "in\nend\n"),
        ("cat%50\\% $HOME `x`", None, "50% $HOME `x`\n"),
        ("cat%END%END_%x", None, "END\nEND_\nx\n"),
        ("cat%", None, ""),
        ("printf '%'s x\\%y", None, None),
        (r"printf '\\t' # keeps its backslashes", r"printf '\\t' # keeps its backslashes", "\\t"),
    ],
)
def test_a_percent_sign_means_what_it_means_to_cron(
    written: str, run: str | None, output: str | None
) -> None:
    found = job(f"0 4 * * * {written}")
    assert found.shell is not None
    if run is not None:
        assert found.shell == run
    if output is not None:
        done = subprocess.run(
            [*found.interpreter, found.shell], capture_output=True, text=True, check=True, timeout=9
        )
        assert done.stdout == output


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("@reboot /bin/x", "a fleet has no one boot"),
        ("@every_minute x", "cron knows no '@every_minute'"),
        ("H 2 * * * x", "'h' is no field that cron knows"),
        ("0~59 2 * * * x", "drawn anew at each start"),
        ("60 2 * * * x", "60 is out of range"),
        ("0 0 30 2 * x", "it would never fire"),
        ("0 2 * * *", "there is no command"),
        ("0 2 * *", "neither five fields and a command"),
        ("@daily", "there is no command"),
        ("0 2 * * * %text", "there is no command before the first %"),
        ("0 2 * * * root /bin/x", "say --system"),
        ("SHELL=/usr/bin/fish\n0 2 * * * cat%text", "fish can't take it"),
        ("CRON_TZ=Europe/Berlim\n0 2 * * * x", "did you mean Europe/Berlin?"),
        ("RANDOM_DELAY=soon\n0 2 * * * x", "a number of minutes"),
        ("HOME=there\n0 2 * * * x", "workdir: write an absolute path"),
        ("a-b=1\n0 2 * * * x", "no name of an environment variable"),
    ],
)
def test_a_line_that_can_be_no_job_is_refused_with_the_reason(line: str, reason: str) -> None:
    assert reason in refusal(line)


def test_a_users_crontab_is_not_mistaken_for_the_systems() -> None:
    assert "say --no-system" in refusal("0 2 * * * /usr/local/bin/backup", system=True)


def test_all_that_is_wrong_is_told_at_once_each_with_its_line() -> None:
    read = read_crontab("tab", "@reboot a\n0 2 * * * b\n\n61 * * * * c\n", system=False)
    assert [(p.line, p.text) for p in read.problems] == [(1, "@reboot a"), (4, "61 * * * * c")]
    assert [line.command for line in read.lines] == ["b"]


def test_a_setting_holds_for_the_lines_below_it() -> None:
    made = imported("0 1 * * * a\nA=1\n0 2 * * * b\nA=\n0 3 * * * A=5 c\n")
    assert [of.env for of in made.jobs.values()] == [{}, {"A": "1"}, {"A": ""}]


def test_ids_stay_when_lines_come_between_or_change_places() -> None:
    first, second, other = "0 1 * * * x 1\n", "0 2 * * * x 2\n", "0 3 * * * y\n"
    ids = {of.shell: i for i, of in imported(first + second).jobs.items()}
    again = {of.shell: i for i, of in imported(other + second + first).jobs.items()}
    assert ids.items() <= again.items()
    assert len(imported(first * 3).jobs) == 3


def test_every_id_is_one_also_with_a_prefix() -> None:
    long = "/usr/lib/" + "very-" * 30 + "long"
    for job_id in imported(f"0 1 * * * {long} a\n0 1 * * * {long} b\n", prefix="web1-").jobs:
        assert job_id.startswith("web1-tab-very")
        assert len(job_id) <= 63


def test_what_all_jobs_share_is_said_once() -> None:
    text = imported_text(imported("0 1 * * * a\n0 2 * * * b\n", node="db-1"), [])
    assert text.count("/bin/sh -c") == text.count("db-1") == text.count("allow") == 1


_minute, _hour = st.integers(0, 59), st.integers(0, 23)


def field(low: int, high: int, names: str = "") -> st.SearchStrategy[str]:
    number = st.integers(low, high)
    plain = number.map(str)
    spans = st.tuples(number, number).map(lambda ends: f"{min(ends)}-{max(ends)}")
    steps = st.builds(
        "{0}-{1}/{2}".format, st.just(low), st.just(high), st.integers(1, high - low + 1)
    )
    items = [plain, spans, steps, *([st.sampled_from(names.split())] if names else [])]
    lists = st.lists(st.one_of(items), min_size=1, max_size=3).map(",".join)
    stars = st.one_of(st.just("*"), st.integers(2, high - low).map(lambda step: f"*/{step}"))
    return st.one_of(stars, lists)


MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec"
WEEKDAYS = "sun mon tue wed thu fri sat"


@settings(deadline=None, max_examples=60)
@given(
    st.tuples(
        field(0, 59), field(0, 23), field(1, 28), field(1, 12, MONTHS), field(0, 7, WEEKDAYS)
    ).map(" ".join)
)
def test_any_line_fires_when_the_manual_says(schedule: str) -> None:
    (job_id, of), *_ = imported(f"{schedule} x").jobs.items()
    expected = next_minutes(schedule, 5)
    assert our_minutes(job_id, of, len(expected)) == expected


@given(st.text(max_size=80), st.booleans())
def test_no_text_makes_the_reader_fail(text: str, system: bool) -> None:
    read = read_crontab("tab", f"{text}\n0 1 * * * {text}", system=system)
    made = import_lines(read.lines, timezone="UTC")
    written = imported_text(made, ["Imported."])
    found = read_job_file("a.yaml", written.encode(), None, Intervals())
    assert [p.render() for p in found.problems if p.level == "error"] == []
    assert {entry.id: entry.job for entry in found.jobs} == made.jobs
