"""What may stand in etcd that nobody of ours has written: noise, and our own records spoilt.

The records that are spoilt are those of the recorded key space, so each kind of key is among them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

from crony_ops import __version__
from crony_ops.store.keys import Keys
from tests.record_key_space import RECORDINGS, kind_of

KEYS = Keys()
RECORDED: dict[str, bytes] = {
    key: value.encode()
    for key, value in json.loads((RECORDINGS / f"{__version__}.json").read_text("utf-8")).items()
}

DEEP = 2_000
NUMBERS = st.sampled_from(
    [
        *("0", "-1", "1", "0.5", "1e308", "-1e308", "1e999", "NaN", "-Infinity", "1e-320"),
        *("9223372036854775807", "9223372036854775808", "253402300800", "-62135596801"),
        *("1" + "0" * 400, "1" + "0" * 5_000),
    ]
)
WORDS = st.sampled_from(
    [
        *('""', '"x"', '"1970"', '"NaN"', r'"\ud800"', r'"\u0000"', r'"\n\r\u001b[2J"', '"a/b"'),
        *('"../../x"', '"' + "é" * 2_000 + '"', '"node-1"', '"fine"', '"lost"', '"Mars/Phobos"'),
        *('"* * * * *"', '"*/0 * * * *"', '"@every 0s"', '"2 30 31 2 *"', '"@every 99999999999s"'),
    ]
)
LEAVES = st.one_of(
    NUMBERS,
    WORDS,
    st.sampled_from(["null", "true", "{}", "[]", '{"": {}}', "[[1]]", "[null]", "[" * DEEP]),
)
"""JSON to stand where something else is wanted; not all of it is JSON."""
TAILS = st.sampled_from(
    [
        *(
            "",
            "x",
            "/",
            "//",
            "x/y",
            "x/y/z",
            "x/y/z/w",
            "x/zz",
            "x/-1",
            "x/zz/y",
            "x/1f/",
            "UPPER",
        ),
        *("\udcff\udcfe", "é", "a" * 1_000, "../x", "x/y/20261122T220054Z-s", "\x00", "\n\x1b[2J"),
    ]
)
"""How the keys go on beyond a prefix."""
PREFIXES = (
    *(KEYS.nodes, KEYS.jobs, KEYS.onces, f"{KEYS.root}/proc/", f"{KEYS.root}/kill/"),
    *(f"{KEYS.root}/system/", KEYS.specs, KEYS.sync, KEYS.cursors, KEYS.queue, KEYS.opens),
    *(KEYS.runs, KEYS.all_news, KEYS.healths, KEYS.failovers, KEYS.alerts, KEYS.silences),
    *(KEYS.rosters, KEYS.cordons, KEYS.pauses, KEYS.watchers, KEYS.rebalance, KEYS.leader),
    *(KEYS.meta, KEYS.everything),
)
_OF_A_KIND: dict[str, list[str]] = {}
for _key in sorted(RECORDED):
    if RECORDED[_key].startswith(b"{"):
        _OF_A_KIND.setdefault(kind_of(_key), []).append(_key)
_SELDOM = st.integers(0, 7).map(lambda number: number == 7)

Path = tuple[str | int, ...]


def noise() -> st.SearchStrategy[bytes]:
    """Bytes, and JSON, that were never a record of ours."""
    return st.one_of(st.binary(max_size=40), LEAVES.map(str.encode))


@st.composite
def spoilt(draw: st.DrawFn, value: bytes) -> bytes:
    """A record of which some fields are missing, doubled, or filled with what is not for them."""
    record = json.loads(value)
    fillings: dict[str, str] = {}
    for path in draw(st.lists(st.sampled_from(list(_paths(record))), min_size=1, max_size=3)):
        inside = _inside(record, path[:-1])
        if path[-1] not in _names(inside):
            continue
        hole = f"hole {len(fillings)}"
        fillings[json.dumps(hole)] = draw(_instead(inside[path[-1]]))
        inside[path[-1]] = hole
        if draw(_SELDOM):
            del inside[path[-1]]
    text = json.dumps(record)
    for hole, filling in fillings.items():
        text = text.replace(hole, filling)
    if draw(_SELDOM):
        text = f"{{{json.dumps(next(iter(record), ''))}: 7, {text[1:]}"
    return text[: draw(st.integers(0, len(text)))].encode() if draw(_SELDOM) else text.encode()


@st.composite
def spoilt_records(draw: st.DrawFn) -> tuple[str, bytes]:
    """A key, and what stands there in place of its record."""
    key = draw(st.sampled_from(_OF_A_KIND[draw(st.sampled_from(sorted(_OF_A_KIND)))]))
    return key, draw(noise() if draw(_SELDOM) else spoilt(RECORDED[key]))


@st.composite
def strays(draw: st.DrawFn) -> tuple[str, bytes]:
    """A key that has no business there, and mostly a value that might stand beside it."""
    prefix = draw(st.sampled_from(PREFIXES))
    near = [value for key, value in RECORDED.items() if key.startswith(prefix)]
    value = draw(noise() if draw(_SELDOM) or not near else st.sampled_from(near))
    return prefix + draw(TAILS), value


@st.composite
def key_spaces(draw: st.DrawFn) -> dict[str, bytes]:
    """The recorded key space with some records spoilt, and with strays."""
    spoils = draw(st.lists(spoilt_records(), max_size=12))
    return {**RECORDED, **dict(spoils), **dict(draw(st.lists(strays(), max_size=5)))}


def _instead(before: object) -> st.SearchStrategy[str]:
    """Most often what a reader may take for what was there."""
    if isinstance(before, int | float):
        return st.one_of(NUMBERS, NUMBERS, LEAVES)
    return st.one_of(WORDS, LEAVES) if isinstance(before, str) else LEAVES


def _paths(part: Any, here: Path = ()) -> Iterator[Path]:
    """To all fields and items, those inside others too."""
    for name in _names(part):
        yield (*here, name)
        yield from _paths(part[name], (*here, name))


def _names(part: Any) -> list[Any]:
    """What it can be asked for."""
    if isinstance(part, list):
        return list(range(len(part)))
    return list(part) if isinstance(part, dict) else []


def _inside(part: Any, path: Path) -> Any:
    """What is there by now."""
    for name in path:
        part = part[name] if name in _names(part) else None
    return part
