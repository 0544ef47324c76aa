"""What sounds secret in a job is shown by no command."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.integration.cli.conftest import CommandLine

JOBS = """
jobs:
  ask:
    schedule: "@daily"
    http:
      url: https://anna:SECRET@example.com/?token=SECRET
      query: {api_key: SECRET}
      headers: {Authorization: Bearer SECRET, Accept: text/plain}
  dump:
    schedule: "@daily"
    shell: pg_dump app
    env: {PGPASSWORD: SECRET, PGHOST: db.internal}
"""


async def test_no_command_shows_what_sounds_secret(crony_ops: CommandLine) -> None:
    file = crony_ops.folder / "jobs" / "all.yaml"
    file.parent.mkdir()
    file.write_text(JOBS.replace("SECRET", "hunter2"))
    said = (await crony_ops("sync")).out
    file.write_text(JOBS.replace("SECRET", "hunter3"))
    for command in (
        ("plan",),
        ("plan", "-o", "json"),
        ("jobs", "ask"),
        ("jobs", "ask", "-o", "json"),
        ("jobs", "dump", "-o", "yaml"),
    ):
        said += (await crony_ops(*command)).out
    assert "hunter" not in said
    assert "text/plain" in said
    assert "db.internal" in said
    assert "env.PGPASSWORD  (hidden) → (hidden)" in said
