"""A daemon's way in and out: its arguments, its settings, a signal, a failure told, a bug told."""

from __future__ import annotations

import argparse
import asyncio
import faulthandler
import gc
import logging
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from crony_ops import __version__
from crony_ops.daemon.logs import LogFormat, begin, in_words
from crony_ops.errors import BadConfig, CronyError

log = logging.getLogger(__name__)

S = TypeVar("S", bound=BaseModel)

# New objects between two collections, and how seldom all is looked through. By Python's own 700, 10
# and 10 a mass of orders or claims takes half as long again, and a leader that knows 100,000 jobs
# looks through them several times a second, for objects that nearly all stay.
_COLLECT_EVERY = 5_000, 20, 100


def read_settings(path: Path, model: type[S]) -> S:
    """Raises BadConfig with every mistake of the file in one line, and nothing that is written
    there: it may be a secret."""
    try:
        written = yaml.safe_load(path.read_bytes()) or {}
        return model.model_validate(written)
    except OSError as error:
        raise BadConfig(path=path, reason=f"{error.strerror}; --config names another") from None
    except yaml.YAMLError as error:
        raise BadConfig(path=path, reason=_without_the_text(error)) from None
    except ValidationError as error:
        mistakes = "; ".join(
            f"{'.'.join(map(str, m['loc'])) or 'the file'}: {m['msg']}" for m in error.errors()
        )
        raise BadConfig(path=path, reason=mistakes) from None
    except ValueError:  # a date that is none
        raise BadConfig(path=path, reason="a value in it can't be read") from None


def run_daemon(
    name: str,
    model: type[S],
    live: Callable[[S, asyncio.Event], Awaitable[None]],
    arguments: Sequence[str] | None = None,
) -> int:
    """Run ``live`` until it ends; SIGTERM and SIGINT set its event. With `--check` it is not run.
    Returns the exit status, which is 1 for a bug, too: it is logged whole, and systemd starts the
    daemon again."""
    options = _parser(name).parse_args(arguments)
    gc.set_threshold(*_COLLECT_EVERY)
    faulthandler.enable()  # where it hung, when a watchdog ends it
    log_format = begin(options.log_format, options.log_level)
    try:
        settings = read_settings(options.config, model)
        if not options.check:
            asyncio.run(_until_signalled(live, settings))
    except Exception as error:
        failures = _ours(error)
        if not failures:
            log.critical("%s ends by a bug of its own: %s", name, in_words(error), exc_info=True)
            return 1
        _say(f"{name}: {in_words(error)}", log_format)
        return max(failure.exit_status for failure in failures)
    return 0


def _parser(name: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=name)
    parser.add_argument("--config", type=Path, default=Path(f"/etc/crony/{name[6:]}.yaml"))
    parser.add_argument(
        "--check", action="store_true", help="say whether the settings can be used, and end"
    )
    parser.add_argument("--log-level", default="INFO", choices=("DEBUG", "INFO", "WARNING"))
    parser.add_argument(
        "--log-format",
        type=LogFormat,
        choices=list(LogFormat),
        help="json under systemd, else text, unless told",
    )
    parser.add_argument("--version", action="version", version=f"{name} {__version__}")
    return parser


async def _until_signalled(
    live: Callable[[S, asyncio.Event], Awaitable[None]], settings: S
) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await live(settings, stop)


def _ours(error: Exception) -> list[CronyError]:
    """All the errors in a task group's, if all of them are ours; else there is a bug among them."""
    if isinstance(error, ExceptionGroup):
        found = [_ours(part) for part in error.exceptions]
        return [failure for some in found for failure in some] if all(found) else []
    return [error] if isinstance(error, CronyError) else []


def _say(failure: str, log_format: LogFormat) -> None:
    if log_format is LogFormat.json:
        log.critical(failure)
    else:
        print(failure, file=sys.stderr)  # noqa: T201


def _without_the_text(error: yaml.YAMLError) -> str:
    mark = error.problem_mark if isinstance(error, yaml.MarkedYAMLError) else None
    if mark is None:
        return "it is no YAML"
    wrong = "no YAML that can be used: a value that begins with one of !&*@% wants quotes"
    if isinstance(error, yaml.scanner.ScannerError | yaml.parser.ParserError):
        wrong = error.problem or wrong  # of the text, these name a character at most
    return f"line {mark.line + 1}, column {mark.column + 1}: {wrong}"
