"""What is said of each cause, in each language: subject and text.

``.ended``: it is over; ``.again``: a reminder; ``.settled``: it came and went, and does no more;
``.running``: it is still under way; ``.many``: a digest, whose names the channel lists. In the
braces stand an alert's fields and its ``facts``; behind a colon how they are said:
``{moved:n job}`` is "1 job" or "2 jobs", ``{lasted:time}`` is "1h30m",
``{moved_jobs:in brackets}`` is " (a, b)" or nothing, and ``{reason:after ; }`` is "; disk full" or
nothing.
"""

from __future__ import annotations

Phrases = dict[str, tuple[str, str]]

ENGLISH: Phrases = {
    "failure": ("job {job} failed", "{reason}{node_name:after ; on }{row:after ; }"),
    "failure.again": (
        "job {job} still fails",
        "for {lasted:time}, {failures:n time} in a row{reason:after ; the last: }",
    ),
    "failure.settled": (
        "job {job} fails for good",
        "it came and went for {lasted:time}, and now fails{reason:after : }",
    ),
    "failure.many": ("{count} jobs failed", "{count} failures within a short time"),
    "failure.again.many": ("{count} jobs still fail", "a reminder of {count} jobs that fail"),
    "recovery": (
        "job {job} is well again",
        "it failed {failures:n time} in {lasted:time}{node_name:after ; it succeeded on }",
    ),
    "recovery.settled": ("job {job} is well again", "it came and went for {lasted:time}"),
    "recovery.many": ("{count} jobs are well again", "{count} recoveries within a short time"),
    "missed": ("job {job} missed {events:n tick}", "{reason}{node_name:after ; on }"),
    "missed.again": (
        "job {job} missed {events:n more tick}",
        "in {lasted:time}{reason:after ; the last: }",
    ),
    "missed.many": ("{count} jobs missed ticks", "{count} gaps within a short time"),
    "lost": ("a run of job {job} is lost", "{reason}{node_name:after ; on }"),
    "lost.again": (
        "job {job} lost {events:n more run}",
        "in {lasted:time}{reason:after ; the last: }",
    ),
    "lost.many": ("{count} jobs lost runs", "{count} lost runs within a short time"),
    "slow": (
        "job {job} was slow",
        "it took {took:time}, more than {limit:time}{node_name:after ; on }",
    ),
    "slow.running": (
        "a run of job {job} does not end",
        "it has been under way for {took:time}, more than {limit:time}{node_name:after ; on }",
    ),
    "slow.again": ("job {job} was slow {events:n more time}", "in {lasted:time}"),
    "slow.many": ("{count} jobs were slow", "{count} slow runs within a short time"),
    "flapping": (
        "job {job} comes and goes",
        (
            "it failed and recovered {times:n time} within an hour; "
            "nothing more is told until it settles{reason:after ; the last failure: }"
        ),
    ),
    "flapping.again": ("job {job} still comes and goes", "for {lasted:time}"),
    "flapping.many": ("{count} come and go", "{count} changes within a short time"),
    "unassigned": ("job {job} has no node", "{reason}"),
    "unassigned.again": (
        "job {job} still has no node",
        "for {lasted:time}{reason:after ; }",
    ),
    "unassigned.ended": ("job {job} has a node again", "it can run again"),
    "unassigned.many": ("{count} jobs have no node", "nobody can run them"),
    "unassigned.again.many": ("{count} jobs still have no node", "nobody can run them"),
    "unassigned.ended.many": ("{count} jobs have a node again", "they can run again"),
    "node lost": (
        "node {node_name} is lost",
        (
            "{moved:n job} moved{moved_jobs:in brackets}; "
            "{failed} failed{failed_jobs:in brackets}; "
            "{bound} bound to the node; {lost_runs:n run} lost{lost_jobs:in brackets}"
        ),
    ),
    "node lost.again": ("node {node_name} is still lost", "for {lasted:time}"),
    "node lost.settled": (
        "node {node_name} is lost for good",
        "it came and went for {lasted:time}, and has not come back",
    ),
    "node lost.many": (
        "{count} nodes are lost",
        "{moved:n job} moved; {failed} failed; {bound} bound to the nodes; {lost_runs:n run} lost",
    ),
    "node lost.again.many": ("{count} nodes are still lost", "a reminder of {count} lost nodes"),
    "node back": ("node {node_name} is back", "it was lost for {lasted:time}"),
    "node back.settled": ("node {node_name} stays", "it came and went for {lasted:time}"),
    "node back.many": ("{count} nodes are back", "{count} nodes came back"),
    "flapping.node": (
        "node {node_name} comes and goes",
        (
            "lost {times:n time} within {window:time}; nothing more is told until it settles; "
            "{moved:n job} moved{moved_jobs:in brackets}; "
            "{failed} failed{failed_jobs:in brackets}; "
            "{bound} bound to the node; {lost_runs:n run} lost"
        ),
    ),
    "preset failed": (
        "preset {preset} is not ready on {node_name}",
        "{reason}; jobs that need it are not placed there",
    ),
    "preset failed.ended": ("preset {preset} is ready on {node_name}", "it had failed before"),
    "preset failed.many": ("presets are not ready on {count} nodes", "jobs avoid these nodes"),
    "preset failed.ended.many": ("presets are ready on {count} nodes", "they had failed before"),
    "clock": (
        "the clock of {node_name} is wrong",
        "{offset:signed} s off the median: no new jobs for it until its clock is right",
    ),
    "clock.many": ("{count} nodes have a wrong clock", "no new jobs for them until it is right"),
    "watcher took over": (
        "watcher {watcher} took over",
        "{before} leads no more; nothing is lost: what it left half done is finished",
    ),
    "watcher took over.many": ("{count} watchers took over", "leadership does not stay"),
    "spec rejected": (
        "{key} can't be read",
        "{reason}; the job {job} stays as it was, and changes to it have no effect",
    ),
    "spec rejected.many": ("{count} jobs have a spec that can't be read", "they stay as they were"),
    "value unreadable": ("{key} can't be read", "{reason}"),
    "value unreadable.many": ("{count} values can't be read", "they are passed over"),
    "cursor ahead": (
        "the cursor of {cursor} is {ahead} s ahead of the clock",
        "the job does not run until then; see docs/operations.md",
    ),
    "cursor ahead.many": ("{count} cursors are ahead of the clock", "their jobs do not run"),
    "rebalance": (
        "a rebalance is given up with {left:n job} left to move",
        "their runs have not ended: {jobs}",
    ),
}

CHINESE: Phrases = {
    "failure": ("任务 {job} 执行失败", "{reason}{node_name:after ，主机：}{row:after ，}"),
    "failure.again": (
        "任务 {job} 仍在失败",
        "已持续 {lasted:time}，连续失败 {failures} 次{reason:after ，最近一次：}",
    ),
    "failure.settled": (
        "任务 {job} 持续失败",
        "时好时坏 {lasted:time} 后，目前持续失败{reason:after ：}",
    ),
    "failure.many": ("{count} 个任务执行失败", "短时间内有 {count} 个任务失败"),
    "failure.again.many": ("{count} 个任务仍在失败", "提醒：{count} 个任务仍未恢复"),
    "recovery": (
        "任务 {job} 已恢复",
        "此前连续失败 {failures} 次，历时 {lasted:time}{node_name:after ，恢复于主机：}",
    ),
    "recovery.settled": ("任务 {job} 已恢复", "时好时坏 {lasted:time} 后恢复稳定"),
    "recovery.many": ("{count} 个任务已恢复", "短时间内有 {count} 个任务恢复"),
    "missed": ("任务 {job} 错过 {events} 次执行", "{reason}{node_name:after ，主机：}"),
    "missed.again": (
        "任务 {job} 又错过 {events} 次执行",
        "{lasted:time} 内{reason:after ，最近一次：}",
    ),
    "missed.many": ("{count} 个任务错过执行", "短时间内有 {count} 个任务错过执行"),
    "lost": ("任务 {job} 的一次执行丢失", "{reason}{node_name:after ，主机：}"),
    "lost.again": (
        "任务 {job} 又丢失 {events} 次执行",
        "{lasted:time} 内{reason:after ，最近一次：}",
    ),
    "lost.many": ("{count} 个任务的执行丢失", "短时间内有 {count} 次执行丢失"),
    "slow": (
        "任务 {job} 执行缓慢",
        "耗时 {took:time}，超过 {limit:time}{node_name:after ，主机：}",
    ),
    "slow.running": (
        "任务 {job} 仍未执行完",
        "已运行 {took:time}，超过 {limit:time}{node_name:after ，主机：}",
    ),
    "slow.again": ("任务 {job} 又有 {events} 次执行缓慢", "{lasted:time} 内"),
    "slow.many": ("{count} 个任务执行缓慢", "短时间内有 {count} 次执行缓慢"),
    "flapping": (
        "任务 {job} 时好时坏",
        "一小时内失败并恢复 {times} 次；稳定之前不再通知{reason:after ；最近一次失败：}",
    ),
    "flapping.again": ("任务 {job} 仍时好时坏", "已持续 {lasted:time}"),
    "flapping.many": ("{count} 个对象状态反复", "短时间内有 {count} 个对象状态反复"),
    "unassigned": ("任务 {job} 没有可用节点", "{reason}"),
    "unassigned.again": (
        "任务 {job} 仍没有可用节点",
        "已持续 {lasted:time}{reason:after ；}",
    ),
    "unassigned.ended": ("任务 {job} 已重新分配节点", "可以继续执行"),
    "unassigned.many": ("{count} 个任务没有可用节点", "这些任务无法执行"),
    "unassigned.again.many": ("{count} 个任务仍没有可用节点", "这些任务无法执行"),
    "unassigned.ended.many": ("{count} 个任务已重新分配节点", "可以继续执行"),
    "node lost": (
        "节点 {node_name} 失联",
        (
            "已迁移 {moved} 个任务{moved_jobs:in brackets}；{failed} 个失败"
            "{failed_jobs:in brackets}；{bound} 个绑定在该节点；"
            "丢失 {lost_runs} 次执行{lost_jobs:in brackets}"
        ),
    ),
    "node lost.again": ("节点 {node_name} 仍然失联", "已持续 {lasted:time}"),
    "node lost.settled": (
        "节点 {node_name} 持续失联",
        "时断时续 {lasted:time} 后没有再恢复",
    ),
    "node lost.many": (
        "{count} 个节点失联",
        (
            "已迁移 {moved} 个任务；{failed} 个失败；{bound} 个绑定在这些节点；"
            "丢失 {lost_runs} 次执行"
        ),
    ),
    "node lost.again.many": ("{count} 个节点仍然失联", "提醒：{count} 个节点仍未恢复"),
    "node back": ("节点 {node_name} 已恢复", "失联 {lasted:time}"),
    "node back.settled": ("节点 {node_name} 已恢复稳定", "此前时断时续 {lasted:time}"),
    "node back.many": ("{count} 个节点已恢复", "{count} 个节点重新上线"),
    "flapping.node": (
        "节点 {node_name} 时断时续",
        (
            "{window:time} 内失联 {times} 次；稳定之前不再通知；"
            "已迁移 {moved} 个任务{moved_jobs:in brackets}；{failed} 个失败"
            "{failed_jobs:in brackets}；{bound} 个绑定在该节点；丢失 {lost_runs} 次执行"
        ),
    ),
    "preset failed": (
        "节点 {node_name} 上的预置环境 {preset} 未就绪",
        "{reason}；需要它的任务不会分配到该节点",
    ),
    "preset failed.ended": ("节点 {node_name} 上的预置环境 {preset} 已就绪", "此前曾失败"),
    "preset failed.many": ("{count} 个节点的预置环境未就绪", "任务会避开这些节点"),
    "preset failed.ended.many": ("{count} 个节点的预置环境已就绪", "此前曾失败"),
    "clock": (
        "节点 {node_name} 的时钟不准",
        "偏离中位数 {offset:signed} 秒，校准之前不再分配新任务",
    ),
    "clock.many": ("{count} 个节点的时钟不准", "校准之前不再分配新任务"),
    "watcher took over": (
        "watcher {watcher} 已接管",
        "{before} 不再主导；没有丢失任何任务，未完成的工作由新的主导者继续",
    ),
    "watcher took over.many": ("{count} 次 watcher 接管", "主导权不稳定"),
    "spec rejected": (
        "{key} 无法读取",
        "{reason}；任务 {job} 保持原样，修改不会生效",
    ),
    "spec rejected.many": ("{count} 个任务的定义无法读取", "这些任务保持原样"),
    "value unreadable": ("{key} 无法读取", "{reason}"),
    "value unreadable.many": ("{count} 个值无法读取", "已跳过"),
    "cursor ahead": (
        "{cursor} 的游标超前 {ahead} 秒",
        "在此之前任务不会执行；参见 docs/operations.md",
    ),
    "cursor ahead.many": ("{count} 个游标超前", "这些任务暂不执行"),
    "rebalance": (
        "重新均衡已放弃，还有 {left} 个任务未迁移",
        "它们的执行尚未结束：{jobs}",
    ),
}
