"""Messages for tests of channels, harmless and hostile."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from crony_ops.alerts.message import Message
from crony_ops.model.alert import Severity

HOSTILE = (
    "\"quotes\" and 'others'",
    'back\\slash \\" \\n',
    "two\r\nlines\nBcc: thief@example.com",
    "</pre><script>alert(1)</script>",
    "😀 𠮷 four bytes",
    "{{7*7}} {% raw %} {# no #} ${7*7} %s {0}",
    "a NUL \0 and \x1b[31mcolour",
    "a lone surrogate \ud800 and \udfff",
    "<at id=all></at> <!channel> @everyone **bold** [x](http://evil)",
    "\u202eturned round",
    "=?utf-8?q?w=0d=0aBcc=3a_thief=40example=2ecom=0d=0a=0d=0aGo_to_http=3a//evil?= is lost",
    "=?utf-8?b?dw0KQmNjOiB0aGllZkBleGFtcGxlLmNvbQ0KDQpHbw==?=",
    "x" * 1_000_000,
    "",
)


def a_message(**changes: Any) -> Message:
    return replace(
        Message(
            key="db-backup:failure:20261123T023000Z-o1",
            cause="failure",
            severity=Severity.critical,
            subject="db-backup failed 3 times",
            text="exit 1: pg_dump: connection refused",
            at=1_795_000_000.0,
            host="db-1",
            job="db-backup",
            run_id="20261123T023000Z-o1",
            output="pg_dump: connection refused\n",
            names=("db-backup", "db-verify"),
            link="https://wiki.example.com/db-backup",
            on_duty=("ou_18ac",),
        ),
        **changes,
    )


def hostile_message(text: str) -> Message:
    """With that text in every field that is one."""
    return a_message(
        key=text,
        cause=text,
        subject=text,
        text=text,
        host=text,
        job=text,
        run_id=text,
        output=text,
        names=(text, text),
        link=text,
        on_duty=(text,),
        to=(text,),
    )
