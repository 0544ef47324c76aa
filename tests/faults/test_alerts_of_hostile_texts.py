"""Whatever a job prints or a node says goes from the run to a mail and a card, and does nothing."""

from __future__ import annotations

import json
import shlex
import sys
import time
from email.utils import parseaddr
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crony_ops.alerts.legible import legible, one_line
from crony_ops.model.alert import MAX_OUTPUT
from crony_ops.model.run import Attempt, RunRecord, RunState, tick_run_id
from crony_ops.store.endings import news_of
from tests.faults.scene import Scene, scene
from tests.integration.alerts.servers import http_server, says, smtp_server
from tests.integration.alerts.test_http_channels import TAKEN, texts_in
from tests.integration.alerts.test_mail import Tags

if TYPE_CHECKING:
    from email.message import EmailMessage

HOSTILE = (
    '"quotes" \'others\' back\\slash \\" \\n\r\nBcc: thief@x.test\n</pre><script>alert(1)</script>'
    "\n😀 𠮷 {{7*7}} {% raw %} ${7*7} a NUL \0 \x1b[31m <at id=all></at>\n"
)
MEGABYTE = 1_000_000


async def test_hostile_output_reason_and_node_arrive_whole_and_do_nothing(tmp_path: Path) -> None:
    script = tmp_path / "hostile.py"
    script.write_text(
        "import sys\n"
        f"sys.stdout.buffer.write(b'x' * {MEGABYTE} + {HOSTILE.encode()!r})\n"
        "sys.exit(3)\n"
    )
    jobs: dict[str, dict[str, Any]] = {
        "prints": {
            "schedule": "@every 5s",
            "notify": {"on": ["failure"]},
            "shell": f"{shlex.quote(sys.executable)} {shlex.quote(str(script))}",
            "description": HOSTILE.replace("\0", ""),
        },
        "is-told-of": {"schedule": "@yearly", "shell": "true"},
    }
    async with http_server(says(200, TAKEN)) as feishu, smtp_server() as mailbox:
        channels = {
            "mail": {
                "type": "mail",
                "host": "127.0.0.1",
                "port": mailbox.port,
                "tls": "none",
                "sender": "crony@x.test",
                "to": ["ops@x.test"],
            },
            "feishu": {"type": "feishu", "url": f"{feishu.url}/hook"},
        }
        overrides: dict[str, Any] = {"watcher": {"alerts": {"channels": channels}}}
        async with scene(tmp_path, nodes=1, overrides=overrides) as it:
            await it.sync(jobs)
            await it.until(lambda: len(mailbox.letters) == 1, "the job's failure is told by mail")
            await it.until(lambda: len(feishu.requests) == 1, "and by card")
            await a_node_says(it, "is-told-of")
            await it.until(lambda: len(mailbox.letters) == 2, "the other one too")
            await it.until(lambda: len(feishu.requests) == 2, "and by card")
    assert len(mailbox.letters) == 2, [letter["Subject"] for letter in mailbox.letters]
    printed, said = mailbox.letters
    assert {header for letter in mailbox.letters for header in letter} == {
        "From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "MIME-Version",
        "Content-Type",
    }  # fmt: skip
    assert mailbox.recipients == [["ops@x.test"]] * 2
    assert {parseaddr(letter["From"])[1] for letter in mailbox.letters} == {"crony@x.test"}
    first, second = (json.loads(request.body) for request in feishu.requests)
    tail = legible(("x" * MEGABYTE + HOSTILE)[-MAX_OUTPUT:])
    for shown in (*parts(printed), "\n".join(texts_in(first))):
        assert tail.strip() in shown
        assert "prints" in shown
        assert "{{7*7}}" in shown
    for shown in (*parts(said), "\n".join(texts_in(second))):
        assert legible(HOSTILE).strip() in shown
        assert one_line(HOSTILE) in shown
    assert "is-told-of" in said["Subject"]


async def a_node_says(it: Scene, job: str) -> None:
    """A run that ended, as a node writes it that means no good."""
    now = time.time()
    record = RunRecord(
        run_id=tick_run_id(int(now)),
        job_id=job,
        tick=int(now),
        state=RunState.failed,
        node=it.cluster.uuid("node-1"),
        node_name=HOSTILE,
        reason=HOSTILE,
        ended_at=now,
        attempts=(Attempt(number=1, started_at=now, ended_at=now, output=HOSTILE * 99),),
    )
    keys = it.cluster.keys
    await it.cluster.store.put(keys.news(job, record.run_id), news_of(record).to_json())


def parts(letter: EmailMessage) -> tuple[str, str]:
    """What is read of it: its plain text, and its HTML's, in which nothing is run."""
    plain, html = letter.get_body(("plain",)), letter.get_body(("html",))
    assert plain is not None
    assert html is not None
    seen = Tags()
    seen.feed(html.get_content().replace("\r\n", "\n"))
    assert not seen.tags & {"script", "at"}
    return plain.get_content().replace("\r\n", "\n"), seen.text
