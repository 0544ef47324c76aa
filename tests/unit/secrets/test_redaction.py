"""No secret survives in what is kept, however it is written there."""

from __future__ import annotations

import base64
import html
import json
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from crony_ops.secrets.redaction import MASK, SHORTEST, Redaction

SECRETS = st.lists(
    st.text(st.characters(codec="utf-8"), min_size=SHORTEST, max_size=40), min_size=1, max_size=3
)
AROUND = st.lists(st.text(st.characters(codec="utf-8"), max_size=20), min_size=1, max_size=6)
# Secrets that share much with each other and with the mask.
KNOTTY = st.lists(st.text("ab*", min_size=SHORTEST, max_size=8), min_size=1, max_size=3)


@pytest.mark.parametrize(
    "written",
    [
        "pa ss/w&rd+ü",
        quote("pa ss/w&rd+ü"),
        quote("pa ss/w&rd+ü", safe="").lower(),
        quote_plus("pa ss/w&rd+ü"),
        URL("https://h/").with_query({"q": "pa ss/w&rd+ü"}).raw_query_string[2:],
        json.dumps("pa ss/w&rd+ü")[1:-1],
        html.escape("pa ss/w&rd+ü"),
        "pa ss/w&rd+ü".encode().decode("latin-1"),
        "pa ss/w&rd+ü".encode("latin-1").decode("utf-8", "replace"),
    ],
)
def test_a_secret_is_masked_as_servers_write_it(written: str) -> None:
    assert Redaction(["pa ss/w&rd+ü"])(f"<{written}>") == f"<{MASK}>"


@pytest.mark.parametrize("user", ["", "a", "an", "ann", "anna"])
def test_a_password_is_masked_in_basic_authorization(user: str) -> None:
    echoed = base64.b64encode(f"{user}:hunter2-x".encode()).decode()
    kept = Redaction(["hunter2-x"])(f"Authorization: Basic {echoed}")
    assert kept.startswith("Authorization: Basic ")
    assert MASK in kept
    again = kept.rpartition(" ")[2].replace(MASK, "")
    assert b"unter" not in base64.b64decode(again + "=" * (-len(again) % 4))


def test_other_text_stays() -> None:
    assert Redaction(["hunter2"])("hunter hunter3", cut=False) == "hunter hunter3"
    assert Redaction([])("all", cut=True) == "all"


def test_what_is_short_stands_everywhere_by_chance() -> None:
    assert Redaction(["abc"])("abcabc") == "abcabc"


@pytest.mark.parametrize(
    ("piece", "kept"),
    [
        ("ter-two, and more", f"{MASK}, and more"),
        ("and more: hunter", f"and more: {MASK}"),
        ("two, hun", "two, hun"),
        ("unter-tw", "unter-tw"),
    ],
)
def test_a_piece_may_begin_or_end_within_a_secret(piece: str, kept: str) -> None:
    assert Redaction(["hunter-two"])(piece, cut=True) == kept


@given(SECRETS, AROUND)
def test_no_secret_survives(secrets: list[str], around: list[str]) -> None:
    written = [
        form
        for secret in secrets
        for form in (
            secret,
            quote(secret),
            quote_plus(secret),
            json.dumps(secret)[1:-1],
            html.escape(secret),
        )
    ]
    text = "".join(f"{piece}{form}" for piece in around for form in written)
    kept = Redaction(secrets)(text)
    assert not [form for form in written if form in kept]


@given(KNOTTY, st.text("ab*", max_size=60), st.data())
def test_no_secret_survives_where_masks_make_new_ones(
    secrets: list[str], text: str, data: st.DataObject
) -> None:
    redact = Redaction(secrets)
    assert not [secret for secret in secrets if secret in redact(text)]
    begin = data.draw(st.integers(0, len(text)))
    kept = redact(text[begin : data.draw(st.integers(begin, len(text)))], cut=True)
    for secret in secrets:
        assert secret not in kept
        for n in range(SHORTEST, len(secret)):
            assert not kept.endswith(secret[:n])
            assert not kept.startswith(secret[-n:])


@given(SECRETS)
def test_a_secret_cut_anywhere_leaves_little(secrets: list[str]) -> None:
    redact = Redaction(secrets)
    for secret in secrets:
        for n in range(len(secret)):
            assert n < SHORTEST or secret[:n] not in redact(secret[:n], cut=True)
