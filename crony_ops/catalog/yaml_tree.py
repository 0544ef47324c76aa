"""YAML text to plain data, with the place of every part and no surprises on the way.

Every scalar stays the text that was written (``no``, ``010``, ``1.10``, ``12:30:00``): the model
knows which fields are numbers or truth values, and YAML 1.1's guesses only get in the way. Only
a plain ``null``, ``~`` or nothing at all is None. A key is its text, so ``on`` is ``on``.

The text may be hostile: nesting is bounded before libyaml's recursion can overrun the C stack
(100 KB of ``[`` crash a bare CSafeLoader), and so is what aliases expand to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import yaml
from yaml.cyaml import CParser  # type: ignore[attr-defined]
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from crony_ops.catalog.problem import quoted
from crony_ops.catalog.yaml_mistakes import explain

if TYPE_CHECKING:
    from collections.abc import Sequence

Path = tuple[str | int, ...]

MAX_DEPTH = 64
# Aliases may make a tree larger than its text, and no job file needs more of that than this.
_FREE_ENTRIES = 100_000
_ENTRIES_PER_BYTE = 2

_TEXT = "text"
_NULL = "null"
_NULLS = frozenset(("", "~", "null", "Null", "NULL"))
_TAG = "tag:yaml.org,2002:"
_TEXT_TAGS = frozenset(_TAG + name for name in ("str", "int", "float", "bool"))


class Flaw(NamedTuple):
    """Something wrong in the YAML itself. ``line`` and ``column`` count from 1."""

    line: int
    column: int
    path: Path
    what: str
    mend: str


class Found(NamedTuple):
    """How far a path could be followed, and the key and the value at that point.

    The key is that of the innermost mapping on the way; None for the root.
    """

    depth: int
    key: Node | None
    value: Node


class Tree(NamedTuple):
    """``data`` is made of dicts, lists, strings and None; None, too, where nothing can be read."""

    root: Node
    data: Any
    flaws: tuple[Flaw, ...]


_START = yaml.Mark("", 0, 0, 0, None, 0)
NOTHING = Tree(ScalarNode(_NULL, "", _START, _START), None, ())


class _Overgrown(Exception):
    def __init__(self, node: Node, what: str, mend: str) -> None:
        super().__init__(what)
        mark = node.start_mark
        self.flaw = Flaw(mark.line + 1, mark.column + 1, (), what, mend)


class _Composer(CParser):
    """libyaml's parser up to nodes with marks, with the least said about each scalar."""

    def __init__(self, stream: bytes) -> None:
        super().__init__(stream)
        self._depth = 0

    def resolve(self, kind: type[Node], value: str, implicit: Any) -> str:
        if kind is ScalarNode:
            return _NULL if value in _NULLS and implicit[0] else _TEXT
        return ""

    def descend_resolver(self, parent: Node | None, _index: object) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH and parent is not None:
            raise _too_deep(parent)

    def ascend_resolver(self) -> None:
        self._depth -= 1


def read_tree(text: bytes) -> Tree:
    """Read UTF-8 ``text`` (no byte order mark). Never raises for what stands in it; what is wrong
    is among the flaws, and ``data`` then holds what could be read all the same."""
    try:
        root = _Composer(text).get_single_node()
    except _Overgrown as overgrown:
        return NOTHING._replace(flaws=(overgrown.flaw,))
    except yaml.YAMLError as error:
        line, column, what, mend = explain(error, text)
        return NOTHING._replace(flaws=(Flaw(line, column, (), what, mend),))
    if root is None:
        return NOTHING
    builder = _Builder(limit=_FREE_ENTRIES + _ENTRIES_PER_BYTE * len(text))
    try:
        data = builder.build(root)
    except _Overgrown as overgrown:
        return NOTHING._replace(flaws=(overgrown.flaw,))
    return Tree(root, data, tuple(dict.fromkeys(builder.flaws)))


def find(root: Node, path: Sequence[str | int]) -> Found:
    """Follow ``path`` through the nodes, merge keys included, as far as it goes."""
    found = Found(0, None, root)
    for depth, step in enumerate(path, 1):
        node = found.value
        if isinstance(node, MappingNode):
            entry = _entry(node, str(step), MAX_DEPTH)
            if entry is None:
                break
            found = Found(depth, *entry)
        elif isinstance(node, SequenceNode) and isinstance(step, int) and step < len(node.value):
            found = Found(depth, found.key, node.value[step])
        else:
            break
    return found


def _entry(node: MappingNode, key: str, depth: int) -> tuple[Node, Node] | None:
    """A key of the mapping, or of those that it merges; its own come first."""
    merged: list[Node] = []
    for key_node, value_node in node.value:
        if isinstance(key_node, ScalarNode):
            if key_node.value == key:
                return key_node, value_node
            if _merges(key_node):
                merged += value_node.value if isinstance(value_node, SequenceNode) else [value_node]
    for source in merged:
        if isinstance(source, MappingNode) and depth:
            entry = _entry(source, key, depth - 1)
            if entry is not None:
                return entry
    return None


def _merges(key: ScalarNode) -> bool:
    return key.value == "<<" and not key.style


class _Builder:
    """Makes plain data of nodes. Recursive, with scalars handled in place: this is the hot loop."""

    def __init__(self, limit: int) -> None:
        self.flaws: list[Flaw] = []
        self._left = limit
        self._trail: list[str | int] = []

    def build(self, node: Node) -> Any:
        if isinstance(node, MappingNode):
            return self._mapping(node)
        if isinstance(node, SequenceNode):
            return self._sequence(node)
        if node.tag == _TEXT or node.tag in _TEXT_TAGS:
            return node.value
        if node.tag not in (_NULL, _TAG + "null"):
            self._foreign_tag(node)
        return None

    def _mapping(self, node: MappingNode) -> dict[str, Any]:
        if node.tag not in ("", _TAG + "map"):
            self._foreign_tag(node)
        self._enter(node)
        data: dict[str, Any] = {}
        merges: list[Node] = []
        again: list[ScalarNode] = []
        trail = self._trail
        trail.append("")
        for key_node, value_node in node.value:
            key = key_node.value
            trail[-1] = key
            if type(key_node) is not ScalarNode:
                trail[-1] = "?"
                self._flaw(key_node, "a key must be a plain text", "write `name: value`")
            elif key in data:
                again.append(key_node)
            elif key == "<<" and _merges(key_node):
                merges.append(value_node)
            elif value_node.tag == _TEXT:
                data[key] = value_node.value
            else:
                data[key] = self.build(value_node)
        trail.pop()
        if again:
            self._given_twice(node, again)
        for source in merges:
            self._merge(source, data)
        return data

    def _given_twice(self, node: MappingNode, again: list[ScalarNode]) -> None:
        lines: dict[Any, int] = {}
        for key_node, _ in node.value:
            if isinstance(key_node, ScalarNode):
                lines.setdefault(key_node.value, key_node.start_mark.line + 1)
        for key_node in again:
            key = key_node.value
            self._trail.append(key)
            self._flaw(
                key_node,
                f"{quoted(key)} is given twice (first in line {lines[key]}), "
                "and YAML would silently keep one of them",
                "take one out",
            )
            self._trail.pop()

    def _merge(self, source: Node, data: dict[str, Any]) -> None:
        self._trail.append("<<")
        for node in source.value if isinstance(source, SequenceNode) else [source]:
            if isinstance(node, MappingNode):
                for key, value in self._mapping(node).items():
                    data.setdefault(key, value)
            else:
                self._flaw(
                    node, "`<<` merges mappings, and this is none", "write `<<: *name` or a list"
                )
        self._trail.pop()

    def _sequence(self, node: SequenceNode) -> list[Any]:
        if node.tag not in ("", _TAG + "seq"):
            self._foreign_tag(node)
        self._enter(node)
        items: list[Any] = []
        trail = self._trail
        trail.append(0)
        for index, item in enumerate(node.value):
            trail[-1] = index
            items.append(item.value if item.tag == _TEXT else self.build(item))
        trail.pop()
        return items

    def _enter(self, node: Node) -> None:
        self._left -= len(node.value) + 1
        if self._left < 0:
            raise _Overgrown(
                node,
                "its aliases expand to more than a job file may hold",
                "write it out, or with fewer aliases within aliases",
            )
        if len(self._trail) > MAX_DEPTH:
            raise _too_deep(node)

    def _foreign_tag(self, node: Node) -> None:
        tag = node.tag.replace(_TAG, "!!")
        self._flaw(node, f"the tag {quoted(tag)} means nothing here", "take it out")

    def _flaw(self, node: Node, what: str, mend: str) -> None:
        mark = node.start_mark
        path = tuple(step for step in self._trail if step != "<<")
        self.flaws.append(Flaw(mark.line + 1, mark.column + 1, path, what, mend))


def _too_deep(node: Node) -> _Overgrown:
    return _Overgrown(
        node,
        f"it nests deeper than {MAX_DEPTH} levels",
        "look for a bracket that is never closed, or an alias within itself",
    )
