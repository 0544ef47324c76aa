"""When people are told of a node: lost, back, flapping, its presets. Pure.

A node that is lost for the second time within ``FLAP_WINDOW`` is told of as flapping, and then not
until it has kept to one state for that long. What people believe stands in the roster, and is
written in the transaction that makes the alert.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from crony_ops.alerts.phrases import phrased
from crony_ops.alerts.watched import MOST_OF_A_REASON
from crony_ops.model.alert import Alert, Cause, Severity

if TYPE_CHECKING:
    from crony_ops.model.cluster import Failover
    from crony_ops.model.node import Node, Roster

FLAP_WINDOW = 600.0
LOSSES_KEPT = 10
PRESETS_AT_ONCE = 30
"""Alerts of presets in one transaction; the others are told when the node says more."""
STEADY_TTLS = 3
"""A node is told to be back when it has stayed for that many TTLs of the watcher."""

Ruled = tuple["Roster", tuple[Alert, ...]]


def alert_of(node: Node, cause: Cause, name: str, at: float, **fields: object) -> Alert:
    """``name``: what makes the id that of this very cause."""
    return phrased(
        Alert.model_validate(
            {
                "id": f"{cause.value.replace(' ', '-')}.{node.name}.{name}",
                "cause": cause.value,
                "severity": Severity.warning,
                "title": "",
                "message": "",
                "at": at,
                "node": node.uuid,
                "node_name": node.name,
                "groups": node.groups,
                **fields,
            }
        )
    )


def goes(roster: Roster, now: float) -> Roster:
    """The node's key is gone."""
    recent = tuple(at for at in roster.losses if at > now - FLAP_WINDOW)
    losses = (*recent, now)[-LOSSES_KEPT:]
    return roster.model_copy(update={"lost_at": now, "losses": losses})


def loss_told(
    roster: Roster, failover: Failover, facts: dict[str, str | int], now: float, remind: int
) -> Ruled:
    """The failover of a loss has come to its end: what is told of it."""
    roster = roster.model_copy(update={"critical": bool(facts["failed"])})
    if roster.told == "flapping":
        return roster, ()
    flaps = len(roster.losses) > 1
    told = roster.model_copy(
        update={
            "told": "flapping" if flaps else "lost",
            "remind_at": now + remind if remind and not flaps else 0.0,
        }
    )
    lost = loss_alert(roster.node, failover, facts, now, flaps=len(roster.losses) if flaps else 0)
    return told, (lost,)


def loss_alert(
    node: Node, failover: Failover, facts: dict[str, str | int], now: float, *, flaps: int = 0
) -> Alert:
    """``flaps``: how often it was lost lately, if that is what is told."""
    more = {"times": flaps, "window": FLAP_WINDOW} if flaps else {}
    return alert_of(
        node,
        Cause.flapping if flaps else Cause.node_lost,
        f"{failover.incarnation:x}",
        now,
        severity=_of_a_loss(critical=bool(facts["failed"])),
        since=failover.started_at,
        facts={**facts, **more},
    )


def _of_a_loss(*, critical: bool) -> Severity:
    return Severity.critical if critical else Severity.warning


def in_time(roster: Roster, *, ttl: float, now: float, remind: int) -> Ruled | None:
    """What has to be told of a node only because time has passed; None: nothing."""
    node, lost_for = roster.node, now - (roster.losses[0] if roster.losses else now)
    name = f"{node.incarnation:x}.{int(now)}"
    up = roster.lost_at is None
    if roster.told == "flapping":
        if now - max((*roster.losses, roster.back_at)) < FLAP_WINDOW:
            return None
        return _settled(roster, name, lost_for, now, remind)
    if roster.told == "lost" and up:
        if now - roster.back_at < STEADY_TTLS * ttl:
            return None
        lost_at = roster.losses[-1] if roster.losses else roster.back_at
        back = alert_of(
            node,
            Cause.node_back,
            name,
            now,
            severity=Severity.info,
            ended=True,
            since=lost_at,
            facts={"lasted": max(0.0, roster.back_at - lost_at)},
        )
        return roster.model_copy(update={"told": "", "critical": False, "remind_at": 0.0}), (back,)
    if roster.told == "lost" and roster.remind_at and now >= roster.remind_at:
        again = alert_of(
            node,
            Cause.node_lost,
            name,
            now,
            severity=_of_a_loss(critical=roster.critical),
            since=roster.lost_at,
            facts={"again": 1, "lasted": now - (roster.lost_at or now)},
        )
        return roster.model_copy(update={"remind_at": now + remind if remind else 0.0}), (again,)
    return None


def is_awaited(roster: Roster) -> bool:
    """Whether it is only waited for a node to stay."""
    return roster.told == "lost" and roster.lost_at is None


def _settled(roster: Roster, name: str, lasted: float, now: float, remind: int) -> Ruled:
    up = roster.lost_at is None
    settled = alert_of(
        roster.node,
        Cause.node_back if up else Cause.node_lost,
        name,
        now,
        severity=Severity.info if up else _of_a_loss(critical=roster.critical),
        ended=up,
        since=roster.losses[0] if roster.losses else None,
        facts={"settled": 1, "lasted": lasted},
    )
    update = {
        "told": "" if up else "lost",
        "critical": roster.critical and not up,
        "losses": (),
        "remind_at": now + remind if remind and not up else 0.0,
    }
    return roster.model_copy(update=update), (settled,)


def presets_told(roster: Roster, now: float) -> Ruled:
    """What is new about the presets of a node that is up. One that failed is told of once, until
    it is ready."""
    node = roster.node
    # One whose older script is still ready counts as failed, too: jobs wait for the new one.
    failed = [name for name in sorted(node.preset_failures) if name not in roster.presets_told]
    ready = [
        name
        for name in roster.presets_told
        if name not in node.preset_failures and node.presets.get(name)
    ]
    failed, ready = failed[:PRESETS_AT_ONCE], ready[:PRESETS_AT_ONCE]
    alerts = [
        *(_preset(node, name, now, failed=True) for name in failed),
        *(_preset(node, name, now, failed=False) for name in ready),
    ]
    known = tuple(name for name in (*roster.presets_told, *failed) if name not in ready)
    return roster.model_copy(update={"presets_told": known}), tuple(alerts)


def _preset(node: Node, name: str, now: float, *, failed: bool) -> Alert:
    return alert_of(
        node,
        Cause.preset_failed,
        f"{name}.{node.incarnation:x}.{int(now)}{'' if failed else '.ended'}",
        now,
        severity=Severity.warning if failed else Severity.info,
        ended=not failed,
        reason=node.preset_failures[name].reason[:MOST_OF_A_REASON] if failed else "",
        facts={"preset": name},
    )
