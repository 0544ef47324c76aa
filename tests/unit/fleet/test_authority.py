"""The authority's folder: what is kept there, what is made anew, and what becomes of a half-made
pair."""

from __future__ import annotations

import os
import stat
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from crony_ops.fleet.authority import AuthorityUnusable, issued
from crony_ops.fleet.certificate import Wanted

NODE = Wanted.of("node-h1")


@pytest.fixture
def pki(tmp_path: Path) -> Path:
    return tmp_path / "keys" / "pki"


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_second_time_nothing_is_made(pki: Path) -> None:
    first = issued(pki, NODE)
    assert first.renewed == "there was none"
    before = contents(pki)
    again = issued(pki, NODE)
    assert (again.renewed, again.certificate, again.authority) == (
        "",
        first.certificate,
        first.authority,
    )
    assert contents(pki) == before
    assert set(before) == {".lock", "ca.pem", "ca.key", "node-h1.pem", "node-h1.key"}


def test_keys_are_their_owners_alone(pki: Path) -> None:
    mask = os.umask(0)
    try:
        issued(pki, NODE)
    finally:
        os.umask(mask)
    assert stat.S_IMODE(pki.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in pki.glob("*.key")} == {0o600}


def test_without_keeping_nothing_is_written(pki: Path) -> None:
    made = issued(pki, NODE, keep=False)
    assert made.renewed
    assert made.key_file is None
    assert not pki.parent.exists()
    issued(pki, NODE)
    before = contents(pki)
    assert issued(pki, Wanted.of("node-h2"), keep=False).renewed
    assert issued(pki, NODE, keep=False).key_file == pki / "node-h1.key"
    assert contents(pki) == before


@pytest.mark.parametrize(
    ("lost", "reason"),
    [
        ("node-h1.pem", "there was none"),
        ("node-h1.key", "its key is not there"),
        ("ca.pem", ""),
    ],
)
def test_what_was_lost_is_made_anew(pki: Path, lost: str, reason: str) -> None:
    """A new certificate of the authority is of the old key: all that it signed stays good."""
    issued(pki, NODE)
    (pki / lost).unlink()
    assert issued(pki, NODE).renewed == reason
    assert issued(pki, NODE).renewed == ""


def test_a_key_that_does_not_fit_is_as_good_as_none(pki: Path) -> None:
    """So it is after a kill between the writing of a key and of its certificate."""
    issued(pki, NODE)
    issued(pki, Wanted.of("node-h2"))
    (pki / "node-h2.key").replace(pki / "node-h1.key")
    assert issued(pki, NODE).renewed == "its key is not there"


def test_a_new_authority_issues_all_anew(pki: Path) -> None:
    issued(pki, NODE)
    (pki / "ca.pem").unlink()
    (pki / "ca.key").unlink()
    assert issued(pki, NODE).renewed == "it is of another authority"


@pytest.mark.parametrize(
    ("file", "text", "words"),
    [
        ("ca.pem", "nonsense", r"ca\.pem: it is no certificate"),
        ("ca.key", "nonsense", r"ca\.key: it is no key in the clear"),
        ("ca.key", None, r"ca\.key: there is no such key, but a ca\.pem"),
        ("ca.key", "node-h1.key", r"ca\.key: it is not the key of ca\.pem"),
        ("node-h1.pem", "nonsense", r"node-h1\.pem: it is no certificate"),
    ],
)
def test_what_can_not_be_used_is_named_and_left_alone(
    pki: Path, file: str, text: str | None, words: str
) -> None:
    issued(pki, NODE)
    if text is None:
        (pki / file).unlink()
    elif (pki / text).exists():
        (pki / file).write_bytes((pki / text).read_bytes())
    else:
        (pki / file).write_text(text)
    before = contents(pki)
    with pytest.raises(AuthorityUnusable, match=words):
        issued(pki, NODE)
    assert contents(pki) == before


def _issue(pki: Path, name: str) -> str:
    return issued(pki, Wanted.of(name)).authority


def test_runs_at_once_share_one_authority(pki: Path) -> None:
    names = [f"node-{number % 6}" for number in range(24)]
    with ProcessPoolExecutor(4) as pool:
        authorities = set(pool.map(_issue, [pki] * len(names), names))
    assert len(authorities) == 1
    assert [issued(pki, Wanted.of(name)).renewed for name in set(names)] == [""] * 6
