"""The daemons' log: one event a line, and on each what it is about."""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from enum import StrEnum
from typing import TextIO

_ABOUT: ContextVar[Mapping[str, str]] = ContextVar("about", default={})  # noqa: B039 never written

_PRIORITIES = {
    logging.CRITICAL: 2,
    logging.ERROR: 3,
    logging.WARNING: 4,
    logging.INFO: 6,
    logging.DEBUG: 7,
}
"""What syslog, and so journald, calls the levels."""


class LogFormat(StrEnum):
    text = "text"
    json = "json"


@contextmanager
def about(**facts: str) -> Iterator[None]:
    """Every event that is logged in here, and in the tasks that are begun in here, is about
    ``facts`` (``job``, ``run``, ``node``, ``watcher``), beside those that it was about already. An
    empty one says nothing."""
    token = _ABOUT.set({**_ABOUT.get(), **{key: value for key, value in facts.items() if value}})
    try:
        yield
    finally:
        _ABOUT.reset(token)


def begin(log_format: LogFormat | None, level: str) -> LogFormat:
    """Log to standard error from here on; the format that was chosen where none is given: JSON
    under systemd, else text."""
    journal = _is_the_journal(sys.stderr)
    chosen = log_format or (LogFormat.json if journal else LogFormat.text)
    handler = logging.StreamHandler(sys.stderr)
    if chosen is LogFormat.json:
        handler.setFormatter(JsonLines(priorities=journal))
    else:
        handler.setFormatter(Text())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.captureWarnings(True)
    return chosen


def in_words(error: BaseException) -> str:
    """What a group of errors says, each of them once; or what the one error says."""
    return "; ".join(dict.fromkeys(_words(error)))


class JsonLines(logging.Formatter):
    """An object a line. ``priorities`` puts ``<3>`` and the like before it: journald takes that
    away and makes it the entry's priority, which ``journalctl -p warning`` asks for."""

    def __init__(self, *, priorities: bool = False) -> None:
        super().__init__()
        self._priorities = priorities

    def format(self, record: logging.LogRecord) -> str:
        event = {
            "time": _utc(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_ABOUT.get(),
        }
        if record.exc_info:
            event["exception"] = self.formatException(record.exc_info)
        line = json.dumps(event, ensure_ascii=False).encode("utf-8", "backslashreplace").decode()
        # A log shipper may end a line at these, too.
        line = line.replace("\x85", "\\u0085").replace("\u2028", "\\u2028")
        line = line.replace("\u2029", "\\u2029")
        return f"<{_PRIORITIES.get(record.levelno, 6)}>{line}" if self._priorities else line


class Text(logging.Formatter):
    """For people. The process is known to who reads it; the job and the run are told."""

    def format(self, record: logging.LogRecord) -> str:
        facts = [f"{k}={v}" for k, v in _ABOUT.get().items() if k in ("job", "run")]
        message = "\\n".join(record.getMessage().splitlines())
        line = f"{_utc(record.created)} {record.levelname:<7} {record.name}: {message}"
        if facts:
            line += f" ({' '.join(facts)})"
        if record.exc_info:
            line += f"\n{self.formatException(record.exc_info)}"
        return line


def _utc(at: float) -> str:
    """Unix seconds as ``2026-11-22T16:00:00.123Z``."""
    seconds, milliseconds = divmod(int(at * 1000), 1000)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{milliseconds:03d}Z"


def _is_the_journal(stream: TextIO) -> bool:
    """Whether systemd connected the stream to the journal: its variable alone is inherited by
    processes whose output goes elsewhere."""
    try:
        stat = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{stat.st_dev}:{stat.st_ino}"


def _words(error: BaseException) -> Iterator[str]:
    if isinstance(error, BaseExceptionGroup):
        for part in error.exceptions:
            yield from _words(part)
    else:
        yield str(error) or type(error).__name__
