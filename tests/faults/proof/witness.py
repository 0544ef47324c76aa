"""The server that HTTP jobs ask: it writes down for them when they began and when they ended."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal

from aiohttp import web


@asynccontextmanager
async def witness(ledger: Path) -> AsyncIterator[str]:
    """Its URL. `/SECONDS/STATUS` answers with that status after so many seconds."""
    book = os.open(ledger, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)

    def note(event: Literal["start", "end"], request: web.Request) -> None:
        told = request.headers
        line = {
            "event": event,
            "job": told["Crony-Job"],
            "tick": told["Crony-Tick"],
            "run": told["Crony-Run"],
            "node": told["Crony-Node"],
            "attempt": int(told["Crony-Attempt"]),
            "at": time.time(),
        }
        # One write to the end of the file, as the shell jobs do it.
        os.write(book, (json.dumps(line) + "\n").encode())

    async def answer(request: web.Request) -> web.Response:
        note("start", request)
        if seconds := float(request.match_info["seconds"]):
            await asyncio.sleep(seconds)
        note("end", request)
        return web.Response(status=int(request.match_info["status"]))

    app = web.Application()
    app.router.add_get("/{seconds}/{status}", answer)
    # What is not answered yet is not waited for at the end; 0 would be for ever.
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
        os.close(book)
