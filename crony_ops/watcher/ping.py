"""The dead-man's switch: a URL that hears from a leader at work, so that silence itself is noticed.

Whoever listens there (healthchecks.io, a cron monitor, a Prometheus pushgateway) tells people when
nothing comes any more: of the one failure that no alert of ours can tell of.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

import aiohttp

from crony_ops.secrets.lookup import NoSecret, Secrets

if TYPE_CHECKING:
    from crony_ops.alerts.settings import PingSettings
    from crony_ops.watcher.metrics import WatcherMetrics

log = logging.getLogger(__name__)

LONGEST_STALL = 60.0
"""Seconds that a look may be overdue, for the leader to count as being at work."""


async def keep_pinging(
    settings: PingSettings, stalled: Callable[[], float], metrics: WatcherMetrics
) -> None:
    """Until cancelled. A failure is logged when it begins and when it ends, and counted."""
    failing = False
    async with aiohttp.ClientSession(
        timeout=aiohttp.ClientTimeout(total=settings.timeout), trust_env=True
    ) as session:
        while True:
            late = stalled()
            wrong = f"the leader's look is {late:.0f} s late" if late > LONGEST_STALL else ""
            wrong = wrong or await _ping(session, settings)
            metrics.pinged(bool(wrong))
            if wrong and not failing:
                log.warning("the ping is not out: %s", wrong)
            elif failing and not wrong:
                log.info("the ping is out again")
            failing = bool(wrong)
            await asyncio.sleep(settings.every)


async def _ping(session: aiohttp.ClientSession, settings: PingSettings) -> str:
    """What was wrong, in words without the URL, which is a secret; empty if nothing was."""
    try:
        secrets = await Secrets.of([settings.url])
        async with session.get(secrets.put_in(settings.url)) as answer:
            return "" if answer.ok else f"HTTP {answer.status}"
    except NoSecret as missing:
        return str(missing)
    except TimeoutError:
        return f"no answer within {settings.timeout:.0f} s"
    except (aiohttp.ClientError, OSError, ValueError) as error:
        return type(error).__name__
