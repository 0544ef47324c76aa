"""Alerts by Feishu and webhook reach a real HTTP server; each kind of failure is told apart."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import trustme
from aiohttp import web

from crony_ops.alerts.channels import open_channel
from crony_ops.alerts.feishu import signed
from crony_ops.alerts.legible import legible
from crony_ops.alerts.message import Channel, Undelivered
from crony_ops.alerts.settings import AlertSettings
from tests.alert_messages import HOSTILE, a_message, hostile_message
from tests.integration.alerts.servers import http_server, says, server_tls, trusted

if TYPE_CHECKING:
    from tests.integration.alerts.servers import Answering

TAKEN = '{"code":0,"msg":"success","data":{}}'
TOKEN = "f1e2d3c4-a5b6-4798-8899-aabbccddeeff"
SECRET = "shh/it+is=secret"


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(autouse=True)
def _variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRONY_TEST_SECRET", SECRET)
    monkeypatch.setenv("CRONY_TEST_TOKEN", TOKEN)


def channel(kind: str, url: str, **settings: Any) -> Channel:
    written = {"type": kind, "url": f"{url}/hook/${{CRONY_TEST_TOKEN}}", **settings}
    alerts = AlertSettings.model_validate({"channels": {"it": written}})
    return open_channel("it", alerts)


async def failure(kind: str, answer: Answering, **settings: Any) -> Undelivered:
    async with http_server(answer) as endpoint:
        with pytest.raises(Undelivered) as caught:
            await channel(kind, endpoint.url, timeout=1, **settings).send(a_message())
    assert len(endpoint.requests) == 1
    assert TOKEN not in caught.value.reason
    return caught.value


async def test_a_card_arrives_and_is_signed() -> None:
    async with http_server(says(200, TAKEN)) as endpoint:
        answer = await channel("feishu", endpoint.url, secret="${CRONY_TEST_SECRET}").send(
            a_message(language="zh")
        )
    assert answer.startswith("HTTP 200 OK: ")
    (request,) = endpoint.requests
    assert request.path == f"/hook/{TOKEN}"
    body = json.loads(request.body)
    assert signed(SECRET, int(body["timestamp"]))["sign"] == body["sign"]
    assert body["msg_type"] == "interactive"
    header = body["card"]["header"]
    assert header["template"] == "red"
    assert header["title"]["content"] == "db-backup failed 3 times - Crony定时任务平台报警"
    assert "<at id=ou_18ac></at>" in request.body.decode()


async def test_a_recoverys_card_is_green() -> None:
    async with http_server(says(200, TAKEN)) as endpoint:
        await channel("feishu", endpoint.url).send(a_message(ended=True))
    body = json.loads(endpoint.requests[0].body)
    assert body["card"]["header"]["template"] == "green"
    assert "sign" not in body


async def test_a_document_arrives_and_its_signature_can_be_verified() -> None:
    async with http_server(says(204)) as endpoint:
        await channel(
            "webhook",
            endpoint.url,
            secret="${CRONY_TEST_SECRET}",
            headers={"Authorization": "Bearer ${CRONY_TEST_TOKEN}", "X-Team": "ops"},
        ).send(a_message())
    (request,) = endpoint.requests
    assert request.headers["Idempotency-Key"] == a_message().key
    assert request.headers["Authorization"] == f"Bearer {TOKEN}"
    assert request.headers["X-Team"] == "ops"
    at = request.headers["X-Crony-Timestamp"]
    made = hmac.new(SECRET.encode(), f"{at}.".encode() + request.body, hashlib.sha256)
    assert request.headers["X-Crony-Signature"] == f"v1={made.hexdigest()}"
    assert json.loads(request.body)["job"] == "db-backup"


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("feishu", {}),
        ("webhook", {}),
        ("webhook", {"template": "slack.json"}),
        ("webhook", {"template": "dingtalk.json"}),
    ],
    ids=["feishu", "webhook", "slack", "dingtalk"],
)
@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: repr(text[:20]))
async def test_hostile_texts_are_valid_json_and_stay_texts(
    kind: str, settings: dict[str, str], text: str
) -> None:
    async with http_server(says(200, TAKEN)) as endpoint:
        await channel(kind, endpoint.url, **settings).send(hostile_message(text))
    body = json.loads(endpoint.requests[0].body)
    found = "\n".join(texts_in(body))
    assert legible(text)[:60] in found
    assert "49" not in found.replace("{{7*7}}", "")


def texts_in(data: Any) -> list[str]:
    if isinstance(data, str):
        return [data]
    inner = data.values() if isinstance(data, dict) else data if isinstance(data, list) else ()
    return [text for part in inner for text in texts_in(part)]


@pytest.mark.parametrize("kind", ["feishu", "webhook"])
@pytest.mark.parametrize(
    ("status", "permanent"),
    [
        (301, True), (302, True), (400, True), (401, True), (404, True), (410, True),
        (408, False), (425, False), (429, False), (500, False), (502, False), (503, False),
    ],
)  # fmt: skip
async def test_a_status_decides_whether_to_try_again(
    kind: str, status: int, permanent: bool
) -> None:
    undelivered = await failure(kind, says(status, "so it is", Location="/hook/again"))
    assert undelivered.permanent is permanent
    assert f"HTTP {status}" in undelivered.reason


async def test_a_redirect_is_followed_nowhere() -> None:
    async with http_server(says(200)) as elsewhere:
        undelivered = await failure("webhook", says(307, Location=elsewhere.url))
        assert elsewhere.requests == []
    assert undelivered.permanent


async def test_a_server_says_how_long_it_wants_to_be_left_alone() -> None:
    undelivered = await failure("webhook", says(429, Retry_After="17"))
    assert undelivered.retry_after == 17.0


@pytest.mark.parametrize(
    ("status", "said", "permanent"),
    [
        (200, '{"code":11232,"msg":"frequency limited psm[lark.oapi]"}', False),
        (400, '{"code":11232,"msg":"frequency limited"}', False),
        (200, '{"code":9499,"msg":"too many request"}', False),
        (200, '{"code":9499,"msg":"Bad Request","data":{}}', True),
        (200, '{"code":19024,"msg":"Key Words Not Found"}', True),
        (200, '{"code":19021,"msg":"sign match fail or timestamp is not within one hour"}', True),
        (200, '{"StatusCode":19001,"StatusMessage":"param invalid"}', True),
        (200, '{"code":424242,"msg":"never heard of"}', False),
        (400, '{"code":424242,"msg":"never heard of"}', True),
        (500, '{"code":0}', False),
        (200, "<html>a captive portal</html>", False),
        (200, '{"code":true}', False),
        (200, "[" * 5000, False),
        (200, "", False),
    ],
)
async def test_feishus_code_in_a_200_is_a_failure(status: int, said: str, permanent: bool) -> None:
    assert (await failure("feishu", says(status, said))).permanent is permanent


async def test_an_error_in_a_200_is_known_by_what_is_expected() -> None:
    expect = {"errcode": 0}
    undelivered = await failure("webhook", says(200, '{"errcode":310000}'), expect=expect)
    assert not undelivered.permanent
    assert "310000" in undelivered.reason
    async with http_server(says(200, '{"errcode":0,"errmsg":"ok"}')) as endpoint:
        await channel("webhook", endpoint.url, expect=expect).send(a_message())


@pytest.mark.parametrize("kind", ["feishu", "webhook"])
async def test_one_that_hangs_costs_no_more_than_the_timeout(kind: str) -> None:
    async def hang(_request: web.BaseRequest) -> web.StreamResponse:
        await asyncio.Event().wait()
        raise AssertionError

    undelivered = await failure(kind, hang)
    assert undelivered.reason == "no answer within 1 s"
    assert not undelivered.permanent


async def test_one_that_answers_without_end_is_read_to_a_bound() -> None:
    async def flood(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse(status=500)
        await response.prepare(request)
        try:
            while True:
                await response.write(b"x" * 65_536)
        except OSError:
            return response

    undelivered = await failure("webhook", flood)
    assert undelivered.reason.startswith("HTTP 500")
    assert len(undelivered.reason) <= 300


@pytest.mark.parametrize("kind", ["feishu", "webhook"])
async def test_certificates_are_verified(kind: str, authority: trustme.CA, tmp_path: Path) -> None:
    ca_file = trusted(authority, tmp_path)
    async with http_server(says(200, TAKEN), server_tls(authority, "localhost")) as endpoint:
        await channel(kind, endpoint.url, ca_file=ca_file).send(a_message())
        with pytest.raises(Undelivered, match=r"certificate of localhost:\d+ is not") as caught:
            await channel(kind, endpoint.url).send(a_message())
    assert not caught.value.permanent
    async with http_server(says(200, TAKEN), server_tls(authority, "other.test")) as endpoint:
        with pytest.raises(Undelivered, match="not trusted"):
            await channel(kind, endpoint.url, ca_file=ca_file).send(a_message())
    assert endpoint.requests == []


async def test_a_server_that_is_down() -> None:
    async with http_server(says(200)) as endpoint:
        pass
    with pytest.raises(Undelivered, match=r"no connection to .*refused") as caught:
        await channel("webhook", endpoint.url).send(a_message())
    assert not caught.value.permanent


async def test_feishu_gets_no_more_than_five_a_second() -> None:
    async with http_server(says(200, TAKEN)) as endpoint:
        bot = channel("feishu", endpoint.url)
        begun = asyncio.get_running_loop().time()
        for _ in range(11):
            await bot.send(a_message())
        assert asyncio.get_running_loop().time() - begun >= 2.0
    assert len(endpoint.requests) == 11


async def test_what_a_server_repeats_of_a_secret_is_not_told() -> None:
    async def repeat(request: web.BaseRequest) -> web.StreamResponse:
        return web.Response(status=403, text=f"{request.headers['Authorization']} {request.path}")

    headers = {"Authorization": "Bearer ${CRONY_TEST_SECRET}"}
    undelivered = await failure("webhook", repeat, headers=headers)
    assert SECRET not in undelivered.reason
    assert "Bearer ***" in undelivered.reason


async def test_a_secret_that_is_not_there_is_named_and_waited_for(tmp_path: Path) -> None:
    async with http_server(says(200, TAKEN)) as endpoint:
        alerts = AlertSettings.model_validate(
            {"channels": {"it": {"type": "feishu", "url_file": tmp_path / "url"}}}
        )
        bot = open_channel("it", alerts)
        with pytest.raises(Undelivered, match="url}: No such file") as caught:
            await bot.send(a_message())
        assert not caught.value.permanent
        (tmp_path / "url").write_text(f"{endpoint.url}/hook\n")
        await bot.send(a_message())


async def test_a_body_of_the_operators_own_and_one_that_is_no_json(tmp_path: Path) -> None:
    own = tmp_path / "pager.json"
    own.write_text('{"event": {{ "resolve" if ended else "trigger" }}, "key": {{ key }}}')
    settings = {"template": "pager.json", "templates": tmp_path}
    async with http_server(says(200)) as endpoint:
        pager = channel("webhook", endpoint.url, **settings)
        await pager.send(a_message(key='a"b'))
        assert json.loads(endpoint.requests[0].body) == {"event": "trigger", "key": 'a"b'}
        for wrong in ('{"key": "{{ key }}"}', '{"key": {{ nothing }}}', "{% for", "{{ key.x() }}"):
            own.write_text(wrong)
            with pytest.raises(Undelivered, match=r"pager\.json") as caught:
                await channel("webhook", endpoint.url, **settings).send(a_message())
            assert not caught.value.permanent
    assert len(endpoint.requests) == 1


@pytest.mark.parametrize(
    ("url", "headers"),
    [
        ("", {"X-Own": "${CRONY_TEST_LINES}"}),
        ("", {"X-${x": "y", "X\r\nY": "z"}),
        ("ftp://", {}),
        ("no url at all", {}),
        ("http://[::1", {}),
    ],
)
async def test_what_can_not_be_sent_is_said_without_its_value(
    url: str, headers: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRONY_TEST_LINES", f"{SECRET}\r\nX-Other: {SECRET}")
    async with http_server(says(200)) as endpoint:
        monkeypatch.setenv("CRONY_TEST_URL", f"{url}{SECRET}" if url else endpoint.url)
        settings = {"type": "webhook", "url": "${CRONY_TEST_URL}", "headers": headers}
        hook = open_channel("it", AlertSettings.model_validate({"channels": {"it": settings}}))
        with pytest.raises(Undelivered, match="of a kind that can't be sent") as caught:
            await hook.send(a_message())
    assert not caught.value.permanent
    assert endpoint.requests == []
