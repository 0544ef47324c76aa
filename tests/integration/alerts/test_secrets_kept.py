"""No secret of a channel stands in a log, an error, a preview or a representation."""

from __future__ import annotations

import base64
import logging
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from crony_ops.alerts.channels import open_channel
from crony_ops.alerts.message import Undelivered
from crony_ops.alerts.settings import AlertSettings
from tests.alert_messages import a_message
from tests.integration.alerts.servers import PASSWORD, USER, http_server, smtp_server

TOKEN, SECRET = "t0ken-0f-the-b0t", "s3cret-0f-the-b0t"

pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH:UserWarning")


async def tell_everything(request: web.BaseRequest) -> web.StreamResponse:
    """The worst of servers: it repeats what it was told, and fails."""
    told = f"{request.url} {dict(request.headers)}"
    return web.Response(status=500, text=told, reason=TOKEN)


@pytest.mark.parametrize("right", [True, False])
async def test_nothing_tells_a_secret(
    right: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("CRONY_TEST_SECRET", SECRET)
    password = PASSWORD if right else "wr0ng-passw0rd"
    (tmp_path / "password").write_text(password)
    seen: list[str] = []
    async with http_server(tell_everything) as endpoint, smtp_server(login=True) as mailbox:
        (tmp_path / "url").write_text(f"{endpoint.url}/hook/{TOKEN}?access_token={TOKEN}")
        bot: dict[str, Any] = {
            "url_file": tmp_path / "url",
            "secret": "${CRONY_TEST_SECRET}",
        }
        alerts = AlertSettings.model_validate(
            {
                "channels": {
                    "mail": {
                        "type": "mail",
                        "host": "localhost",
                        "port": mailbox.port,
                        "tls": "none",
                        "user": USER,
                        "password_file": tmp_path / "password",
                        "sender": "crony@example.com",
                        "to": ["ops@example.com"],
                    },
                    "feishu": {"type": "feishu", **bot},
                    "literal": {
                        "type": "webhook",
                        "url": f"{endpoint.url}/{TOKEN}?key={TOKEN}",
                        "headers": {
                            "Authorization": f"Bearer {SECRET}",
                            "X": "${CRONY_TEST_SECRET}",
                        },
                    },
                    "webhook": {"type": "webhook", **bot},
                    "down": {"type": "webhook", "url": f"http://localhost:1/{TOKEN}"},
                }
            }
        )
        seen.append(repr(alerts))
        for name in alerts.channels:
            channel = open_channel(name, alerts)
            seen += [repr(channel), channel.preview(a_message())]
            try:
                seen.append(await channel.send(a_message()))
            except Undelivered as error:
                seen += [repr(error), str(error), error.reason]
    # What the server of the test logs of its own is not ours.
    seen += [
        logging.Formatter().format(record)
        for record in caplog.records
        if not record.name.startswith(("mail.", "aiohttp.server", "aiohttp.access"))
    ]
    seen += capfd.readouterr()
    everything = "\n".join(seen)
    for secret in (TOKEN, SECRET, password):
        for form in (secret, base64.b64encode(secret.encode()).decode()):
            assert form not in everything
    assert set(mailbox.logins) == {USER}
