"""What more than one package of tests needs of a real machine."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.sshd import Sshd, an_sshd, why_not


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    if reason := why_not():
        pytest.skip(reason)
    with an_sshd(tmp_path_factory.mktemp("sshd")) as server:
        yield server
