"""Which silence keeps an alert back. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from crony_ops.model.alert import Alert, Silence


def silenced_by(alert: Alert, silences: Iterable[Silence], now: float) -> Silence | None:
    """The one that fits and lasts longest; None: nobody wanted silence about this."""
    fitting = (silence for silence in silences if silence.until > now and fits(silence, alert))
    return max(fitting, key=lambda silence: (silence.until, silence.id), default=None)


def fits(silence: Silence, alert: Alert) -> bool:
    """Whether all that the silence names is the alert's. A node may be named by its uuid, too."""
    return (
        (not silence.job or silence.job == alert.job)
        and (not silence.node or silence.node in (alert.node_name, alert.node))
        and (not silence.group or silence.group in alert.groups)
        and (not silence.label or has_label(alert, silence.label))
    )


def has_label(alert: Alert, wanted: str) -> bool:
    """``wanted`` is ``name=value``, or a name alone for any value."""
    name, given, value = wanted.partition("=")
    return name in alert.labels and (not given or alert.labels[name] == value)
