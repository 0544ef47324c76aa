"""Secrets are looked up on the node; what can't be had names the reference, never the value."""

from __future__ import annotations

import asyncio
import os
import threading
from pathlib import Path

import pytest

from crony_ops.secrets.lookup import MAX_SECRET, NoSecret, Secrets


async def put_in(text: str) -> str:
    return (await Secrets.of([text])).put_in(text)


@pytest.mark.parametrize(
    ("content", "value"),
    [
        (b"hunter2", "hunter2"),
        (b"hunter2\n", "hunter2"),
        (b"hunter2\r\n", "hunter2"),
        (b"hunter2\n\n", "hunter2\n"),
        (" grüß \n".encode(), " grüß "),
        (b"x" * MAX_SECRET, "x" * MAX_SECRET),
    ],
)
async def test_a_file_without_its_last_newline(tmp_path: Path, content: bytes, value: str) -> None:
    (tmp_path / "token").write_bytes(content)
    assert await put_in(f"Bearer ${{file:{tmp_path}/token}}!") == f"Bearer {value}!"


async def test_a_variable_of_the_agent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRONY_TEST_TOKEN", "${env:HOME}")
    assert await put_in("$${x}${env:CRONY_TEST_TOKEN}") == "${x}${env:HOME}"


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("missing", None, "No such file or directory"),
        ("large", b"hunter2" * MAX_SECRET, "larger than 16 KiB"),
        ("binary", b"hunter2\xff", "is no text in UTF-8"),
        ("empty", b"\n", "is empty"),
        (".", None, "is no regular file"),
        ("x" * 300, None, "File name too long"),
    ],
)
async def test_a_file_that_is_of_no_use(
    tmp_path: Path, name: str, content: bytes | None, why: str
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    reference = f"${{file:{tmp_path}/{name}}}"
    with pytest.raises(NoSecret) as refused:
        await put_in(reference)
    assert str(refused.value).startswith(reference)
    assert why in str(refused.value)
    assert "hunter2" not in str(refused.value)


async def test_a_pipe_that_nobody_writes_to_holds_nobody_up(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(NoSecret, match="is no regular file"):
        await put_in(f"${{file:{tmp_path}/pipe}}")


async def test_a_variable_that_is_missing_or_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CRONY_TEST_TOKEN", raising=False)
    with pytest.raises(NoSecret, match="there is no such variable"):
        await put_in("${env:CRONY_TEST_TOKEN}")
    monkeypatch.setenv("CRONY_TEST_TOKEN", "")
    with pytest.raises(NoSecret, match="is empty"):
        await put_in("${env:CRONY_TEST_TOKEN}")


async def test_a_disk_that_does_not_answer_holds_up_nobody_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers, opened = threading.Event(), os.open
    dead, hanging = str(tmp_path / "dead"), list[threading.Thread]()

    def hang(path: str, *how: int) -> int:
        if path == dead:
            hanging.append(threading.current_thread())
            answers.wait()
        return opened(path, *how)

    async def fail() -> None:
        with pytest.raises(NoSecret, match=r"not read within 0\.05 s"):
            await put_in(f"${{file:{dead}}}")

    (tmp_path / "token").write_text("hunter2")
    monkeypatch.setattr(os, "open", hang)
    monkeypatch.setattr("crony_ops.secrets.lookup.PATIENCE", 0.05)
    try:
        await asyncio.gather(*(fail() for _ in range(50)))
        assert len(hanging) == 1
        assert await asyncio.wait_for(asyncio.to_thread(int, "7"), 5) == 7
        assert await put_in(f"${{file:{tmp_path}/token}}") == "hunter2"
    finally:
        answers.set()
