"""Names that say what they name: those that are warned of are hidden, and many more."""

from __future__ import annotations

import pytest

from crony_ops.model.secret_names import names_secret, sounds_secret


@pytest.mark.parametrize(
    "name",
    [
        *("DB_PASSWORD", "password", "MYSQL_PASSWD", "x-auth-token", "API_KEY", "X-Api-Key"),
        *("apikey", "CLIENT_SECRET", "AWS_SECRET_ACCESS_KEY", "ssh-private-key", "PASSPHRASE"),
    ],
)
def test_what_is_worth_a_warning_is_hidden(name: str) -> None:
    assert names_secret(name)
    assert sounds_secret(name)


@pytest.mark.parametrize(
    "name",
    [
        *("PASSWORD_FILE", "TOKEN_URL", "Authorization", "Cookie", "PWD_OF_ADMIN", "session_id"),
        *("X-Signature", "credentials", "KEYS", "sort_key"),
    ],
)
def test_what_may_be_one_is_hidden_and_nobody_is_warned(name: str) -> None:
    assert not names_secret(name)
    assert sounds_secret(name)


@pytest.mark.parametrize("name", ["PGHOST", "Accept", "page", "PASS_COUNT", "LANG"])
def test_what_is_none_is_shown(name: str) -> None:
    assert not names_secret(name)
    assert not sounds_secret(name)
