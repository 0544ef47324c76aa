"""What a job file may say, and what the jobs are then."""

from __future__ import annotations

from textwrap import dedent
from typing import TYPE_CHECKING

import pytest

from crony_ops.catalog.job_file import JobFile, read_job_file
from crony_ops.catalog.timing import Intervals
from crony_ops.model.job import Backoff, Job, MisfirePolicy, RunOn
from crony_ops.model.notify import Occasion

if TYPE_CHECKING:
    from crony_ops.catalog.problem import Problem

SUMS = {"pg-client": "9c1d"}


def read(text: str) -> JobFile:
    return read_job_file("jobs/x.yaml", dedent(text).encode(), SUMS, Intervals())


def jobs(text: str) -> dict[str, Job]:
    found = read(text)
    assert [p.render() for p in found.problems if p.level == "error"] == []
    return {written.id: written.job for written in found.jobs}


def job(fields: str) -> Job:
    """The one job with these fields (flow style, without the braces)."""
    return jobs(f'jobs: {{a: {{schedule: "@daily", shell: x, {fields}}}}}')["a"]


def warned(fields: str) -> list[Problem]:
    return list(read(f"jobs: {{a: {{shell: x, {fields}}}}}").problems)


def test_the_key_on_is_no_truth_value() -> None:
    assert job("notify: {on: [missed]}").notify.on == (Occasion.missed,)


def test_block_style_on_is_no_truth_value_either() -> None:
    found = jobs("""
        jobs:
          a:
            schedule: "@daily"
            shell: x
            notify:
              on:
                - failure
              after: 2
        """)
    assert found["a"].notify.on == (Occasion.failure,)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("no", "no"),
        ("on", "on"),
        ("yes", "yes"),
        ("true", "true"),
        ("022", "022"),
        ("1.10", "1.10"),
        ("0x1F", "0x1F"),
        ("12:30:00", "12:30:00"),
        ("2026-11-22", "2026-11-22"),
        ("1_000", "1_000"),
        (".inf", ".inf"),
        ("=", "="),
        ("!!str 5", "5"),
        ("''", ""),
        ("'~'", "~"),
        ('"null"', "null"),
    ],
)
def test_a_text_is_what_was_written(written: str, meant: str) -> None:
    assert job(f"env: {{VALUE: {written}}}").env == {"VALUE": meant}


@pytest.mark.parametrize("written", ["true", "True", "yes", "on"])
def test_a_truth_value_is_taken_in_any_of_yamls_spellings(written: str) -> None:
    assert job(f"run_on: {{group: web, every: {written}}}").run_on == RunOn(group="web", every=True)


@pytest.mark.parametrize(("written", "seconds"), [("90", 90), ("010", 10), ("1h30m", 5400)])
def test_a_duration_is_seconds_or_units(written: str, seconds: int) -> None:
    assert job(f"timeout: {written}").timeout == seconds


def test_a_number_with_a_zero_in_front_is_decimal() -> None:
    assert job("retries: {count: 010}").retries.count == 10


def test_auto_is_any_node() -> None:
    assert job("run_on: auto").run_on == RunOn()


def test_null_takes_a_default_back() -> None:
    found = jobs("""
        defaults: {timeout: 5m}
        jobs:
          a: {schedule: "@daily", shell: x, timeout: ~}
          b: {schedule: "@daily", shell: x}
        """)
    assert (found["a"].timeout, found["b"].timeout) == (None, 300)


def test_defaults_are_merged_key_by_key() -> None:
    found = jobs("""
        defaults:
          timezone: Asia/Shanghai
          schedule: "@hourly"
          notify: {to: [ops@example.com], after: 2}
          retries: {count: 3, backoff: exponential}
          misfire: {policy: all}
          env: {A: 1, B: 2}
        jobs:
          a:
            shell: x
            notify: {after: 5}
            retries: {count: 1}
            misfire: {grace: 1h}
            env: {B: 3}
        """)["a"]
    assert found.timezone == "Asia/Shanghai"
    assert found.schedule == "@hourly"
    assert (found.notify.to, found.notify.after) == (("ops@example.com",), 5)
    assert (found.retries.count, found.retries.backoff) == (1, Backoff.exponential)
    assert (found.misfire.policy, found.misfire.grace) == (MisfirePolicy.all, 3600)
    assert found.env == {"A": "1", "B": "3"}


def test_a_place_is_overridden_as_a_whole() -> None:
    found = jobs("""
        defaults: {run_on: {group: web, every: true}}
        jobs:
          a: {schedule: "@daily", shell: x, run_on: {node: db-1}}
          b: {schedule: "@daily", shell: x, run_on: auto}
          c: {schedule: "@daily", shell: x}
        """)
    assert found["a"].run_on == RunOn(node="db-1")
    assert found["b"].run_on == RunOn()
    assert found["c"].run_on == RunOn(group="web", every=True)


def test_an_action_overrides_the_default_of_the_other_kind() -> None:
    found = jobs("""
        defaults:
          schedule: "@daily"
          shell: backup
          user: postgres
          env: {A: b}
          presets: [pg-client]
        jobs:
          a: {}
          b: {http: {url: "http://x"}}
        """)
    assert (found["a"].shell, found["a"].user) == ("backup", "postgres")
    assert found["b"].shell is None
    assert found["b"].http is not None
    assert found["b"].user is None


def test_a_default_for_http_jobs_does_not_disturb_shell_jobs() -> None:
    found = jobs("""
        defaults: {schedule: "@daily", http: {headers: {A: b}}}
        jobs:
          a: {http: {url: "http://x", headers: {C: 5}}}
          b: {shell: x}
        """)
    assert found["a"].http is not None
    assert found["a"].http.headers == {"A": "b", "C": "5"}
    assert found["b"].http is None


def test_merge_keys_work_at_every_level() -> None:
    found = jobs("""
        jobs:
          a: &a
            schedule: "@daily"
            shell: x
            retries: &retries {count: 3, delay: 1m}
          b:
            <<: *a
            shell: y
            retries: {<<: *retries, count: 5}
          c:
            <<: [*a, {timeout: 5m, shell: z}]
        """)
    assert (found["b"].schedule, found["b"].shell) == ("@daily", "y")
    assert (found["b"].retries.count, found["b"].retries.delay) == (5, 60)
    assert (found["c"].shell, found["c"].timeout) == ("x", 300)


def test_a_quoted_merge_key_is_a_key() -> None:
    assert [p.field for p in warned('schedule: "@daily", "<<": {timeout: 5m}')] == ["jobs.a.<<"]


def test_a_byte_order_mark_is_passed_over() -> None:
    content = b'\xef\xbb\xbfjobs: {a: {schedule: "@daily", shell: x}}'
    found = read_job_file("x.yaml", content, None, Intervals())
    assert ([w.id for w in found.jobs], found.problems) == (["a"], ())


def test_windows_line_ends_keep_the_lines() -> None:
    content = b'jobs:\r\n  a:\r\n    schedule: "@daily"\r\n    shel: x\r\n'
    found = read_job_file("x.yaml", content, None, Intervals())
    assert {(p.line, p.column) for p in found.problems} == {(2, 3), (4, 5)}


def test_columns_count_characters_not_bytes() -> None:
    (problem,) = warned('schedule: "@daily", description: "äöü€𝄞", shel: x')
    assert problem.column == len('jobs: {a: {shell: x, schedule: "@daily", description: "äöü€𝄞", s')


def test_a_job_keeps_the_place_of_its_id() -> None:
    found = read("\njobs:\n  a: {schedule: '@daily', shell: x}\n  b: {shell: x}\n")
    assert found.places == {"a": (3, 3), "b": (4, 3)}
    assert [(w.id, w.line) for w in found.jobs] == [("a", 3)]


def test_a_preset_in_the_defaults_that_is_missing_is_told_once_and_spoils_all() -> None:
    found = read("""
        defaults: {schedule: "@daily", presets: [pg]}
        jobs:
          a: {shell: x}
          b: {shell: x}
          c: {shell: x, presets: []}
        """)
    assert [p.field for p in found.problems] == ["defaults.presets[0]"]
    assert [w.id for w in found.jobs] == ["c"]


def test_an_unused_default_is_checked_all_the_same() -> None:
    found = read("""
        defaults: {timezone: Europe/Berln, splay: long}
        jobs: {}
        """)
    assert {p.field for p in found.problems} == {"defaults.timezone", "defaults.splay"}


def test_a_job_that_hangs_every_second_is_warned_of() -> None:
    (warning,) = warned('schedule: "*/10 * * * * *"')
    assert warning.level == "warning"
    assert "fires every 10s and has no timeout" in warning.what


def test_a_timeout_beyond_the_next_tick_is_warned_of() -> None:
    (warning,) = warned('schedule: "*/5 * * * *", timeout: 10m')
    assert (warning.field, "to the next tick" in warning.what) == ("jobs.a.timeout", True)
    assert warned('schedule: "*/5 * * * *", timeout: 10m, concurrency: allow') == []
    assert warned('schedule: "*/5 * * * *", timeout: 5m') == []


def test_a_rerun_that_can_go_nowhere_is_warned_of() -> None:
    (warning,) = warned('schedule: "@daily", on_node_loss: rerun')
    assert "cmd_auto_allocation" in warning.what
    assert warned('schedule: "@daily", on_node_loss: rerun, presets: [pg-client]') == []
    assert warned('schedule: "@daily", on_node_loss: rerun, run_on: {node: a}') == []


def test_a_secret_in_the_clear_is_warned_of() -> None:
    (warning,) = warned('schedule: "@daily", env: {PGPASSWORD: hunter2, TOKEN_FILE: /run/token}')
    assert warning.field == "jobs.a.env.PGPASSWORD"
    assert "hunter2" not in warning.render()


def test_a_warning_spoils_no_job() -> None:
    found = read('jobs: {a: {shell: x, schedule: "* * * * * *"}}')
    assert [w.id for w in found.jobs] == ["a"]
