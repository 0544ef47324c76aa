"""Alerts to a group in Feishu, by its custom bot."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import time
from typing import TYPE_CHECKING, Any

from crony_ops.alerts.card import card_of
from crony_ops.alerts.credentials import kept_back, look_up, private_parts, reference, told
from crony_ops.alerts.document import written
from crony_ops.alerts.legible import prepared, printed_time
from crony_ops.alerts.message import Undelivered
from crony_ops.alerts.pace import Pace
from crony_ops.alerts.posting import Answer, post, verdict
from crony_ops.alerts.words import WORDS
from crony_ops.secrets.redaction import Redaction

if TYPE_CHECKING:
    from crony_ops.alerts.message import Message
    from crony_ops.alerts.settings import FeishuSettings

PACE = (5, 1.0), (100, 60.0)
"""What Feishu takes of one bot."""
_PATIENCE = 2.0
"""Seconds that are waited here for the pace; a longer wait is the caller's."""
_FOR_GOOD = {
    19001: "the bot's URL is wrong",
    19002: "the request is wrong",
    19021: "the signature is wrong, or a clock",
    19022: "this machine's address is not allowed",
    19024: "none of the bot's keywords is in it",
}
_BUSY_OR_WRONG = 9499
_BUSY = {1500, 2200, _BUSY_OR_WRONG, 11232, 11233, 11247, 230020, 99991400}


class FeishuChannel:
    def __init__(self, name: str, settings: FeishuSettings, timezone: str) -> None:
        self.name = name
        self._settings = settings
        self._timezone = timezone
        self._url = reference(settings.url, settings.url_file)
        self._secret = reference(settings.secret, settings.secret_file)
        self._pace = Pace(*PACE)

    async def send(self, message: Message) -> str:
        secrets = await look_up((self._url, self._secret))
        url, secret = secrets.put_in(self._url), secrets.put_in(self._secret)
        redactions = secrets.redaction, Redaction(private_parts(url))
        await self._keep_pace()
        body = {"msg_type": "interactive", "card": self._card(message)}
        if secret:
            body = {**signed(secret, int(time.time())), **body}
        with kept_back(redactions):
            answer = await post(
                url,
                written(body),
                {"Content-Type": "application/json; charset=utf-8"},
                self._settings.ca_file,
                self._settings.timeout,
            )
            if failure := judged(answer):
                raise failure
        return told(str(answer), redactions)

    def preview(self, message: Message) -> str:
        return json.dumps(self._card(message), ensure_ascii=False, indent=2)

    def _card(self, message: Message) -> dict[str, Any]:
        message = prepared(message)
        return card_of(message, WORDS[message.language], printed_time(message.at, self._timezone))

    async def _keep_pace(self) -> None:
        """Raises Undelivered for a wait that is long."""
        clock = asyncio.get_running_loop().time
        if (wait := self._pace.wait(clock())) > _PATIENCE:
            reason = "as many went to this bot as Feishu takes in a minute"
            raise Undelivered(reason=reason, permanent=False, retry_after=wait)
        self._pace.note(clock() + wait)
        await asyncio.sleep(wait)


def signed(secret: str, at: int) -> dict[str, str]:
    """The fields that prove that the bot's secret is known. ``at`` is in unix seconds."""
    key = f"{at}\n{secret}".encode()
    sign = base64.b64encode(hmac.new(key, b"", hashlib.sha256).digest()).decode()
    return {"timestamp": str(at), "sign": sign}


def judged(answer: Answer) -> Undelivered | None:
    """None for what was taken: Feishu tells its errors by a code of its own, mostly in a 200."""
    said = answer.fields()
    code = said.get("code", said.get("StatusCode"))
    failure = verdict(answer)
    if isinstance(code, bool) or not isinstance(code, int):
        reason = f"{answer}, which is no answer of Feishu's"
        return failure or Undelivered(reason=reason, permanent=False)
    if code == 0:
        return failure
    words = str(said.get("msg") or said.get("StatusMessage") or "no reason given")
    hint = f" ({_FOR_GOOD[code]})" if code in _FOR_GOOD else ""
    wrong = code in _FOR_GOOD or (code == _BUSY_OR_WRONG and "bad request" in words.lower())
    if not wrong and code not in _BUSY:
        wrong = failure is not None and failure.permanent
    return Undelivered(
        reason=f"Feishu refuses with code {code}: {words}{hint}",
        permanent=wrong,
        retry_after=answer.retry_after,
    )
