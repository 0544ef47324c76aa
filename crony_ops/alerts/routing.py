"""Over which channels an alert goes, and to whom there. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING

from crony_ops.alerts.silences import has_label
from crony_ops.model.alert import Delivery

if TYPE_CHECKING:
    from crony_ops.alerts.settings import Route
    from crony_ops.model.alert import Alert


def ways(alert: Alert, routes: Sequence[Route], channels: Collection[str]) -> dict[str, Delivery]:
    """A waiting delivery for each channel that the alert goes over; it has whom it goes to.

    Each route that fits adds its channels (all, if it names none), its addresses and whom to
    mention; the job's `notify` adds its own. Without any routes every channel gets everything. A
    channel that is not there is passed over.
    """
    to: dict[str, list[str]] = {channel: [] for channel in channels} if not routes else {}
    on_duty: dict[str, list[str]] = {}
    for route in routes:
        if leads(route, alert):
            for channel in route.channels or channels:
                to.setdefault(channel, []).extend(route.to)
                on_duty.setdefault(channel, []).extend(route.mention)
    for channel in alert.channels:
        to.setdefault(channel, [])
    return {
        channel: Delivery(
            to=_once((*addresses, *alert.to)), on_duty=_once(on_duty.get(channel, ()))
        )
        for channel, addresses in to.items()
        if channel in channels
    }


def leads(route: Route, alert: Alert) -> bool:
    """Whether all that the route asks for is the alert's."""
    return (
        (not route.cause or alert.cause in route.cause)
        and alert.severity.rank >= route.severity.rank
        and (route.group is None or route.group in alert.groups)
        and (route.label is None or has_label(alert, route.label))
        and (route.job is None or route.job == alert.job)
    )


def _once(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(texts))
