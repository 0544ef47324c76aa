"""Which names say that what they name is a secret: of variables, headers, parameters, options."""

from __future__ import annotations

import re

SECRETS = "PASSWORD|PASSWD|PASSPHRASE|SECRET|TOKEN|API_?KEY"
"""A pattern: what is named so is a secret, wherever the name stands."""
_KEYS = "PRIVATE_KEY|ACCESS_KEY"
_PERHAPS = "PASSW|PWD|CREDENTIAL|AUTH|COOKIE|SESSION|SIGNATURE|KEY"

SECRET_VARIABLES = f"(?:{SECRETS}|{_KEYS})"
"""A pattern for the end of a variable's name. An option that ends so takes the name of a file."""

_SURE = re.compile(f"{SECRET_VARIABLES}$")
_SOUNDS = re.compile(f"{SECRETS}|{_KEYS}|{_PERHAPS}")


def names_secret(name: str) -> bool:
    """Whether it is worth a warning to put a literal under this name: it ends in a word for a
    secret."""
    return _SURE.search(_spelled(name)) is not None


def sounds_secret(name: str) -> bool:
    """Whether a variable, header or parameter of this name may hold a secret: rather too many than
    too few."""
    return _SOUNDS.search(_spelled(name)) is not None


def _spelled(name: str) -> str:
    return name.upper().replace("-", "_")
