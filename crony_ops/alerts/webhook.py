"""Alerts to any HTTP endpoint: our own document, or a body of the operator's design."""

from __future__ import annotations

import functools
import hashlib
import hmac
import json
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from multidict import CIMultiDict

from crony_ops.alerts.credentials import kept_back, look_up, private_parts, reference, told
from crony_ops.alerts.document import document_of, written
from crony_ops.alerts.legible import prepared, shortened
from crony_ops.alerts.message import Undelivered
from crony_ops.alerts.posting import Answer, post, verdict
from crony_ops.alerts.templates import json_templates, rendered
from crony_ops.alerts.words import WORDS
from crony_ops.model.secret_names import sounds_secret
from crony_ops.secrets.redaction import Redaction

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crony_ops.alerts.message import Message
    from crony_ops.alerts.settings import WebhookSettings

_LONGEST_KEY = 255
_AS_IT_IS = "!#$&'()*+,/:;=?@[]~ "


class WebhookChannel:
    def __init__(self, name: str, settings: WebhookSettings, timezone: str) -> None:
        self.name = name
        self._settings = settings
        self._timezone = timezone
        self._url = reference(settings.url, settings.url_file)
        self._secret = reference(settings.secret, settings.secret_file)
        self._templates = json_templates(settings.templates)

    async def send(self, message: Message) -> str:
        body = written(self._body(message))
        secrets = await look_up((self._url, self._secret, *self._settings.headers.values()))
        url, secret = secrets.put_in(self._url), secrets.put_in(self._secret)
        own = secrets.put_in_values(self._settings.headers)
        literal = [value for header, value in own.items() if sounds_secret(header)]
        redactions = secrets.redaction, Redaction([*private_parts(url), *literal])
        headers = CIMultiDict(own)
        headers.setdefault("Content-Type", "application/json; charset=utf-8")
        headers["Idempotency-Key"] = idempotency_key(message.key)
        if secret:
            headers.update(signature(secret, int(time.time()), body))
        with kept_back(redactions):
            answer = await post(url, body, headers, self._settings.ca_file, self._settings.timeout)
            if failure := judged(answer, self._settings.expect):
                raise failure
        return told(str(answer), redactions)

    def preview(self, message: Message) -> str:
        return json.dumps(self._body(message), ensure_ascii=False, indent=2)

    def _body(self, message: Message) -> Any:
        """Raises Undelivered where the template makes no JSON."""
        document = document_of(prepared(message), self._timezone)
        name = self._settings.template
        if name is None:
            return document
        words = WORDS[message.language]
        text = rendered(
            self._templates,
            name,
            {**document, "words": words, "shortened": functools.partial(shortened, words=words)},
        )
        try:
            return json.loads(text)
        except (ValueError, RecursionError) as error:
            place = f", line {error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
            reason = f"what the template {name} makes is no JSON{place}: no quotes round {{{{ }}}}?"
            raise Undelivered(reason=reason, permanent=False) from None


def idempotency_key(key: str) -> str:
    """As a header can hold it: the key itself where it is short and plain."""
    quoted = quote(key, safe=_AS_IT_IS, errors="backslashreplace")
    if len(quoted) <= _LONGEST_KEY:
        return quoted
    return hashlib.sha256(quoted.encode()).hexdigest()


def signature(secret: str, at: int, body: bytes) -> dict[str, str]:
    """The headers that prove body and time (unix seconds) to whoever knows the secret."""
    made = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return {"X-Crony-Timestamp": str(at), "X-Crony-Signature": f"v1={made}"}


def judged(answer: Answer, expected: Mapping[str, Any]) -> Undelivered | None:
    """None for a 2xx whose JSON has all the fields that are expected."""
    if (failure := verdict(answer)) or not expected:
        return failure
    said = answer.fields()
    if all(name in said and said[name] == value for name, value in expected.items()):
        return None
    return Undelivered(
        reason=f"{answer}, which has not what `expect` names",
        permanent=False,
        retry_after=answer.retry_after,
    )
