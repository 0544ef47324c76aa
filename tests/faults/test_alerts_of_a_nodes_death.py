"""A node is killed and comes back: people get one mail and one card of each, with the counts."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from tests.faults.scene import Scene, scene
from tests.faults.test_watcher_deaths import many
from tests.integration.alerts.servers import PASSWORD, USER, http_server, says, smtp_server

if TYPE_CHECKING:
    from email.message import EmailMessage

TAKEN = says(200, '{"code":0,"msg":"success","data":{}}')
MANY = 9
TOKEN = "f1e2d3c4-a5b6-4798-8899-aabbccddeeff"
SIGNING = "shh-it-is-a-secret"


async def test_a_nodes_death_is_one_mail_and_one_card_and_so_is_its_return(tmp_path: Path) -> None:
    async with http_server(TAKEN) as feishu, smtp_server(login=True) as mailbox:
        channels = {
            "mail": {
                "type": "mail",
                "host": "127.0.0.1",
                "port": mailbox.port,
                "tls": "none",
                "user": USER,
                "password_file": str(secret(tmp_path, PASSWORD)),
                "sender": "crony@x.test",
                "to": ["ops@x.test"],
            },
            "feishu": {
                "type": "feishu",
                "url_file": str(secret(tmp_path, f"{feishu.url}/hook/{TOKEN}")),
                "secret_file": str(secret(tmp_path, SIGNING)),
                "language": "en",
            },
        }
        overrides: dict[str, Any] = {"watcher": {"alerts": {"channels": channels}}}
        jobs = many(MANY)
        async with scene(tmp_path, nodes=3, overrides=overrides) as it:
            await it.sync(jobs)
            await it.all_assigned(jobs)
            holders = await it.cluster.holders()
            theirs = sorted(job for job, nodes in holders.items() if nodes == ("node-1",))
            assert theirs
            it.cluster.node("node-1").kill()
            await it.until(lambda: told(mailbox.letters) == ["is lost"], "a mail of its death")
            await it.until(lambda: len(feishu.requests) == 1, "and a card")
            letter, card = plain(mailbox.letters[0]), feishu.requests[0].body.decode()
            for said in (letter, json.dumps(json.loads(card), ensure_ascii=False)):
                assert f"{len(theirs)} jobs moved ({', '.join(theirs)})" in said
                assert "node-1" in said
            it.cluster.node("node-1").start()
            await it.until(
                lambda: told(mailbox.letters) == ["is lost", "is back"], "a mail of its return", 40
            )
            await it.until(lambda: len(feishu.requests) == 2, "and a card")
            assert '"green"' in feishu.requests[1].body.decode()
            status = await it.status()
            assert status["delivery"] == {
                "delivered_last_hour": 2,
                "waiting": 0,
                "given_up": 0,
                "failing": [],
            }
            assert await secrets_shown(it) == []
    assert (len(mailbox.letters), len(feishu.requests)) == (2, 2)


def secret(folder: Path, value: str) -> Path:
    """A file that holds it."""
    path = folder / f"secret-{uuid.uuid4().hex}"
    path.write_text(f"{value}\n")
    path.chmod(0o600)
    return path


async def secrets_shown(it: Scene) -> list[str]:
    """Where one can be read that should not be: in a log, in `status`, in etcd, in what every user
    sees of a process."""
    entries = (await it.cluster.store.range(it.cluster.keys.everything)).entries
    watcher = it.cluster.watcher(1)
    places = {
        **{child.name: child.log for child in (watcher, *it.cluster.nodes)},
        "etcd": "".join(repr(entry.value) for entry in entries),
        "status": json.dumps(await it.status()),
        "cmdline": " ".join(psutil.Process(watcher.pid).cmdline()),
    }
    assert "is delivered over mail" in places[watcher.name]
    hidden = (PASSWORD, TOKEN, SIGNING)
    return [
        f"{value} in {place}" for place, said in places.items() for value in hidden if value in said
    ]


def told(letters: list[EmailMessage]) -> list[str]:
    """What happened to the node, letter by letter."""
    subjects = [str(letter["Subject"]) for letter in letters]
    return [
        next((words for words in ("is lost", "is back") if words in subject), subject)
        for subject in subjects
    ]


def plain(letter: EmailMessage) -> str:
    body = letter.get_body(("plain",))
    assert body is not None
    return " ".join(str(body.get_content()).split())
