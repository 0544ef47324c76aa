"""What channels themselves say around a message, in each language."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from crony_ops.alerts.message import Language


@dataclass(frozen=True, slots=True)
class Words:
    """``left_out`` is a format of ``count``."""

    platform: str
    host: str
    time: str
    message: str
    on_duty: str
    names: str
    output: str
    follow_up: str
    left_out: str


WORDS: dict[Language, Words] = {
    "zh": Words(
        platform="Crony定时任务平台报警",
        host="告警主机",
        time="告警时间",
        message="告警信息",
        on_duty="值班人员",
        names="涉及对象",
        output="输出末尾",
        follow_up="跟进处理",
        left_out="…（此处略去 {count} 个字符）…",
    ),
    "en": Words(
        platform="Crony scheduled jobs alert",
        host="Alert host",
        time="Time",
        message="Message",
        on_duty="On duty",
        names="Concerns",
        output="End of the output",
        follow_up="Follow up",
        left_out="… ({count} characters left out) …",
    ),
}
