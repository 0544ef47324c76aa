"""What the daemons' entry points share: reading settings, logging, and ending on a signal."""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from crony_ops import __version__
from crony_ops.errors import BadConfig, CronyError

S = TypeVar("S", bound=BaseModel)


def read_settings(path: Path, model: type[S]) -> S:
    """Raises BadConfig with every mistake of the file in one line."""
    try:
        written = yaml.safe_load(path.read_bytes()) or {}
        return model.model_validate(written)
    except OSError as error:
        raise BadConfig(path=path, reason=f"{error.strerror}; --config names another") from None
    except yaml.YAMLError as error:
        raise BadConfig(path=path, reason=" ".join(str(error).split())) from None
    except ValidationError as error:
        mistakes = "; ".join(
            f"{'.'.join(map(str, m['loc'])) or 'the file'}: {m['msg']}" for m in error.errors()
        )
        raise BadConfig(path=path, reason=mistakes) from None


def run_daemon(
    name: str,
    model: type[S],
    live: Callable[[S, asyncio.Event], Awaitable[None]],
    arguments: Sequence[str] | None = None,
) -> int:
    """Run ``live`` until it ends; SIGTERM and SIGINT set its event. Returns the exit status."""
    parser = argparse.ArgumentParser(prog=name)
    parser.add_argument("--config", type=Path, default=Path(f"/etc/crony/{name[6:]}.yaml"))
    parser.add_argument("--log-level", default="INFO", choices=("DEBUG", "INFO", "WARNING"))
    parser.add_argument("--version", action="version", version=f"{name} {__version__}")
    options = parser.parse_args(arguments)
    logging.basicConfig(
        level=options.log_level,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        stream=sys.stderr,
    )
    try:
        asyncio.run(_until_signalled(live, read_settings(options.config, model)))
    except CronyError as error:
        failure = error
    except BaseExceptionGroup as group:
        failure = _the_error_in(group)
    else:
        return 0
    print(f"{name}: {failure}", file=sys.stderr)  # noqa: T201
    return failure.exit_status


async def _until_signalled(
    live: Callable[[S, asyncio.Event], Awaitable[None]], settings: S
) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await live(settings, stop)


def _the_error_in(group: BaseExceptionGroup[BaseException]) -> CronyError:
    """The first error of ours in a task group's; what is not ours is a bug, and raised as it is."""
    ours, bugs = group.split(CronyError)
    if bugs is not None or ours is None:
        raise group
    error: BaseException = ours
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    assert isinstance(error, CronyError)
    return error
