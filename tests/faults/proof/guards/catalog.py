"""The guards, by name, each with the rules that see it gone and the edits that take it out.

What an edit leaves must run on without a guard, not break down for want of it: then the proof would
see the breakdown.
"""

from __future__ import annotations

from tests.faults.proof.guards.guard import Edit, Guard

_CLAIMS = "crony_ops/node/ticks/claims.py"
_CLAIMING = "crony_ops/node/ticks/claiming.py"
_AGENT = "crony_ops/node/agent.py"
_MOVES = "crony_ops/watcher/moves.py"
_STEP = "crony_ops/watcher/step_order.py"
_LEADING = "crony_ops/watcher/daemon.py"
_MIRROR = "crony_ops/store/mirror.py"

_ALL = (
    Guard(
        "claim-lease",
        "a claim compares that the node's key hangs on the node's lease",
        ("claims hang on the lease",),
        (Edit(_CLAIMS, "            lease_is(self.keys.node(self.uuid), self.incarnation),\n"),),
    ),
    Guard(
        "claim-assignment",
        "a claim compares that the assignment is the one that the node knows",
        ("claims hang on the assignment",),
        (Edit(_CLAIMS, "            mod_is(holding.key, holding.revision),\n"),),
    ),
    Guard(
        "claim-pause",
        "a claim compares that the job is not paused",
        ("nothing is claimed while paused",),
        # The compare stays, on a key that nobody writes.
        (
            Edit(
                _CLAIMS,
                "        return absent(self.keys.pause(holding.job_id))\n",
                '        return absent(f"{self.keys.pause(holding.job_id)}-")\n',
            ),
        ),
    ),
    Guard(
        "claim-cursor",
        "claims and accounts of what was missed compare that the cursor is where the node saw it",
        (
            "claims hang on the cursor",
            "claims take what is there",
            "one claim a run",
            "a cursor never goes back",
        ),
        (
            Edit(
                _CLAIMS,
                """\
            mod_is(holding.cursor_key, holding.cursor_revision),
        ),
        (
            put(holding.cursor_key, Cursor(tick=tick).to_json()),
""",
                """\
        ),
        (
            put(holding.cursor_key, Cursor(tick=tick).to_json()),
""",
            ),
            Edit(
                _CLAIMS,
                """\
            mod_is(holding.cursor_key, holding.cursor_revision),
        ),
        tuple(then),
""",
                """\
        ),
        tuple(then),
""",
            ),
        ),
    ),
    Guard(
        "fence",
        "past its lease's deadline an agent starts no run, and ends those of rerun jobs",
        ("past its lease a node starts nothing", "past its lease a node ends re-runs"),
        (
            Edit(
                _AGENT,
                "stands = ours and boottime() < self._registration.deadline",
                "stands = ours",
            ),
            Edit(
                _AGENT,
                """\
            if left <= 0 and self._registration.incarnation:
                self._runs.fence()
""",
            ),
        ),
    ),
    Guard(
        "leader",
        "every write of a leader compares that it still leads",
        ("only the leader decides",),
        (
            Edit(
                _LEADING,
                "Batcher(etcd, guard=(create_is(keys.leader, term),))",
                "Batcher(etcd)",
            ),
        ),
    ),
    Guard(
        "move-compares",
        "a move compares all that it was decided on",
        ("a move hangs on what was seen",),
        (
            Edit(
                _STEP,
                "            return Txn(tuple(when), tuple(then))\n        when.append(",
                "            return Txn((), tuple(then))\n        when.append(",
            ),
            Edit(
                _STEP,
                "    return Txn(tuple(when), tuple(then))\n\n\ndef _starts_anew(",
                "    return Txn((), tuple(then))\n\n\ndef _starts_anew(",
            ),
        ),
    ),
    Guard(
        "move-transaction",
        "a move takes a job from one node and gives it to another in one transaction",
        ("a move is one transaction", "the epoch grows"),
        # The target's key is in the first one's writes and the second one's compares, so that they
        # never share a request.
        (
            Edit(
                _MOVES,
                "from crony_ops.store import Txn, absent\n",
                "from crony_ops.store import Txn, absent, delete, exists\n",
            ),
            Edit(
                _MOVES,
                """\
            if spec is not None:
                yield self._step(step, spec, lost_homes.get(step.job_id, ()))
""",
                """\
            if spec is not None and step.source and step.target not in ("", step.source):
                order, keys = self._step(step, spec, ()), self._view.keys
                left = delete(keys.job(step.source, step.job_id))
                given = exists(keys.job(step.target, step.job_id))
                rest = tuple(op for op in order.txn.then if op != left)
                yield replace(order, txn=Txn(order.txn.when, rest))
                yield Order(Txn((given,), (left,)))
            elif spec is not None:
                yield self._step(step, spec, lost_homes.get(step.job_id, ()))
""",
            ),
        ),
    ),
    Guard(
        "resync",
        "a mirror lists all anew where etcd has forgotten what it missed",
        (
            "nothing is left lying",
            "nothing is left over",
            "in the end all is as it should be",
            "every tick is accounted for",
        ),
        # As if nothing had happened until then: the mistake of many a client.
        (
            Edit(
                _MIRROR,
                "                must_list = True\n                reason = str(error)\n",
                """\
                oldest = error.details["oldest"]
                for prefix, done in self._complete_to.items():
                    if isinstance(oldest, int):
                        self._complete_to[prefix] = max(done, oldest)
                reason = str(error)
""",
            ),
        ),
    ),
    Guard(
        "read-back",
        "a claim whose outcome is unknown is read back before anything else",
        (
            "a claim in doubt is looked up",
            "in the end all is as it should be",
            "every end is on record",
            "nothing runs unclaimed",
        ),
        (
            Edit(
                _CLAIMING,
                """\
    try:
        return await batcher.submit(claim)
    except (OutcomeUnknown, StoreRefused) as error:
        in_doubt()
        result = await _read_back(batcher, me, holding, claim)
        if isinstance(error, StoreRefused) and not result.succeeded:
            raise
        return result
""",
                "    return await batcher.submit(claim)\n",
            ),
        ),
    ),
)

GUARDS = {guard.name: guard for guard in _ALL}
