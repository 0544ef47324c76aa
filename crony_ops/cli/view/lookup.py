"""Which node or job a person means. Pure."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from crony_ops.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterable

    from crony_ops.cli.view.cluster_view import ClusterView


class UnknownName(InvalidInput):
    """Nothing is called what was asked for; ``hint`` names what comes nearest, or where to look."""

    message = "there is no {kind} {name!r}{hint}"


def node_named(view: ClusterView, name: str) -> str:
    """The uuid of a node, living or lost, by name or uuid. A living one goes before a lost one.

    Raises UnknownName.
    """
    if name in view.alive or name in view.rosters:
        return name
    names = {roster.node.name: uuid for uuid, roster in view.rosters.items()}
    names |= {node.name: uuid for uuid, node in view.nodes.items()}
    if name not in names:
        raise unknown("node", name, names)
    return names[name]


def unknown(kind: str, name: str, known: Iterable[str]) -> UnknownName:
    """What to raise for ``name``, with the nearest of ``known`` as a hint."""
    near = get_close_matches(name, known, n=3, cutoff=0.5)
    hint = f" (nearest: {', '.join(near)})" if near else f": `crony-ops {kind}s` lists them"
    return UnknownName(kind=kind, name=name, hint=hint)
