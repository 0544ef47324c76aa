"""The settings of channels say what is wrong, and never show a secret."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from crony_ops.alerts.channels import UnknownChannel, open_channel
from crony_ops.alerts.settings import AlertSettings
from tests.alert_messages import a_message

MAIL = {"type": "mail", "host": "mail.test", "sender": "crony@example.com"}


def settings(**channel: Any) -> AlertSettings:
    return AlertSettings.model_validate({"channels": {"it": channel}})


@pytest.mark.parametrize(
    ("channel", "mistake"),
    [
        ({**MAIL, "user": "x"}, "password or password_file is missing"),
        ({**MAIL, "password": "${PW}"}, "a password needs user, too"),
        ({**MAIL, "user": "x", "password": "hunter2"}, "a secret is not written here"),
        ({**MAIL, "user": "x", "password": "${PW}!"}, "a secret is not written here"),
        ({**MAIL, "user": "x", "password": "${PW}", "password_file": "/x"}, "not both"),
        ({**MAIL, "sender": "crony\nBcc: x@y.z"}, "no mail address"),
        ({**MAIL, "to": ["a@b, c@d"]}, "no mail address"),
        ({**MAIL, "port": 70_000}, "less than 65536"),
        ({**MAIL, "timeout": 0}, "greater than 0"),
        ({"type": "feishu"}, "url or url_file is missing"),
        ({"type": "feishu", "url": "ftp://x"}, "http:// or https://"),
        ({"type": "feishu", "url": "https://x/${file:relative}"}, "no absolute path"),
        ({"type": "feishu", "url": "https://x", "secret": "hunter2"}, "not written here"),
        ({"type": "webhook", "url": "https://x", "template": "../../etc/passwd"}, "pattern"),
        ({"type": "webhook", "url": "https://x", "headres": {}}, "not permitted"),
        ({"type": "pigeon"}, "'mail', 'feishu', 'webhook'"),
    ],
)
def test_a_mistake_is_named_and_what_was_written_is_not(
    channel: dict[str, Any], mistake: str
) -> None:
    with pytest.raises(ValidationError, match=mistake) as caught:
        settings(**channel)
    assert "hunter2" not in str(caught.value)


def test_no_secret_is_shown() -> None:
    shown = repr(
        [
            settings(type="feishu", url="https://x/hook/t0ken"),
            settings(type="webhook", url="https://x/t0ken", headers={"Authorization": "t0ken"}),
        ]
    )
    assert "t0ken" not in shown
    for kind in ("feishu", "webhook"):
        assert "t0ken" not in repr(open_channel("it", settings(type=kind, url="https://x/t0ken")))


def test_a_time_zone_that_is_none_is_named() -> None:
    with pytest.raises(ValidationError, match="did you mean Asia/Shanghai"):
        AlertSettings(timezone="Asia/Shangai")


def test_each_kind_opens_under_its_name_and_no_other(tmp_path: Path) -> None:
    kinds = AlertSettings.model_validate(
        {
            "channels": {
                "a": MAIL,
                "b": {"type": "feishu", "url_file": tmp_path / "url"},
                "c": {"type": "webhook", "url": "${HOOK}"},
            }
        }
    )
    assert [open_channel(name, kinds).name for name in kinds.channels] == ["a", "b", "c"]
    with pytest.raises(UnknownChannel, match="no channel d: a, b, c"):
        open_channel("d", kinds)


def example(text: str, heading: str) -> dict[str, Any]:
    """What stands below `alerts:` in the first example after a heading."""
    begin = text.index("    alerts:\n", text.index(heading))
    found: dict[str, Any] = yaml.safe_load(textwrap.dedent(text[begin:].partition("\n\n")[0]))
    return found["alerts"]  # type: ignore[no-any-return]


def test_the_examples_in_docs_can_be_used() -> None:
    text = (Path(__file__).parents[3] / "docs" / "alerts.md").read_text()
    written = {**example(text, "## Channels"), **example(text, "## Who is told")}
    alerts = AlertSettings.model_validate(written)
    assert len(alerts.routes) == 4
    assert {channel.type for channel in alerts.channels.values()} == {"mail", "feishu", "webhook"}
    for name in alerts.channels:
        open_channel(name, alerts).preview(a_message())
