"""How a plan looks: on a terminal, in a log, in a comment."""

from __future__ import annotations

import io
from typing import Any

from rich.console import Console

from crony_ops.cli.view.plan_view import plan_markdown, print_changes, print_plan
from crony_ops.model.cluster import SyncRecord
from crony_ops.sync.plan import Plan, make_plan, with_holders, with_outlook
from crony_ops.sync.stored import StoredSpec
from tests.unit.sync.jobs import spec, stored

NOW = 1_795_348_800.0  # 2026-11-22 12:00 UTC
BEFORE = SyncRecord(
    commit="4f1c2e9" + "0" * 33, jobs=3, digest="", generation=2, who="ann", at=NOW - 7_300
)


def _shown(plan: Plan, **options: Any) -> list[str]:
    out = io.StringIO()
    console = Console(file=out, width=4096, highlight=False, markup=False)
    if options:
        print_changes(console, plan, NOW, **options)
    else:
        print_plan(console, plan, BEFORE, NOW)
    return out.getvalue().splitlines()


def _plan() -> Plan:
    plan = make_plan(
        {
            "report-usage": spec(file="jobs/disk.yaml", line=4, timezone="Asia/Shanghai"),
            "db-backup": spec(file="jobs/db.yaml", line=12, schedule="15 3 * * *", timeout="1h"),
            "same": spec(),
        },
        {
            "db-backup": stored(file="jobs/db.yaml", timeout="30m"),
            "warm-cache": stored(file="jobs/web.yaml", schedule="*/10 * * * * *"),
            "same": stored(),
        },
    )
    return with_holders(with_outlook(plan, NOW), {"warm-cache": ("web-2",)})


def test_a_plan_tells_what_where_and_when() -> None:
    assert _shown(_plan()) == [
        "+ report-usage  jobs/disk.yaml:4   next 2026-11-23 02:30 +08:00 (in 6 h), then 24 h apart",
        "~ db-backup     jobs/db.yaml:12    schedule  30 2 * * * → 15 3 * * *",
        "                                   timeout   30m → 1h",
        f"{'':33}  next 2026-11-23 03:15 +00:00 (in 15 h), then 24 h apart",
        "- warm-cache    was jobs/web.yaml  runs every 10 s on web-2",
        "1 to add, 1 to change, 1 to remove, 1 unchanged    against sync 4f1c2e9 of 2 h ago",
    ]


def test_a_long_plan_is_cut_where_only_a_summary_is_wanted() -> None:
    assert _shown(make_plan({f"j{n}": spec() for n in range(9)}, {}), limit=2) == [
        "+ j0  jobs/a.yaml:1",
        "+ j1  jobs/a.yaml:1",
        "  … and 7 more",
    ]


def test_a_long_value_is_cut_to_where_it_differs() -> None:
    before, after = "x" * 500 + " --old", "x" * 500 + " --new\nand more"
    plan = make_plan({"j": spec(shell=after)}, {"j": stored(shell=before)})
    assert _shown(plan, limit=1) == [
        "~ j  jobs/a.yaml:1  shell  …xxxxxxxxx --old → …xxxxxxxxx --new⏎and more"
    ]


def test_what_cant_be_read_is_said_to_be() -> None:
    plan = make_plan({"j": spec()}, {"j": StoredSpec.of(b"?", 1)})
    assert _shown(plan, limit=1) == ["~ j  jobs/a.yaml:1  what is stored can't be read"]


def test_text_that_looks_like_markup_stays_as_it_is() -> None:
    plan = make_plan({"j": spec(shell="[red]a[/red] | <b>`x`")}, {"j": stored(shell="[1]")})
    assert _shown(plan, limit=1) == ["~ j  jobs/a.yaml:1  shell  [1] → [red]a[/red] | <b>`x`"]
    row = plan_markdown(plan, None, NOW).splitlines()[-1]
    assert row == (
        "| `~` | `j` | jobs/a.yaml:1 | <code>shell</code> <code>[1]</code> → "
        "<code>[red]a[/red] &#124; &lt;b&gt;&#96;x&#96;</code> |"
    )


def test_markdown_is_one_table() -> None:
    lines = plan_markdown(_plan(), BEFORE, NOW).splitlines()
    assert lines[0].startswith("**crony-ops plan:** 1 to add, 1 to change, 1 to remove")
    assert [line.count(" | ") for line in lines[2:]] == [3, 3, 3, 3, 3]


def test_markdown_stays_short_enough_for_a_comment() -> None:
    lines = plan_markdown(make_plan({f"j{n}": spec() for n in range(999)}, {}), None, NOW)
    assert lines.splitlines()[-1] == "… and 799 more"
    assert len(lines) < 60_000
