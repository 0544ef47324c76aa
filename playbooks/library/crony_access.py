"""etcd's users and what each may touch: crony_ops.fleet.granting, as a module of Ansible."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ansible.module_utils.basic import AnsibleModule

if TYPE_CHECKING:
    from crony_ops.fleet.access import Step

DOCUMENTATION = """
module: crony_access
short_description: Who may touch what in etcd
description:
  - Makes a user and a role of etcd for each node, watcher and operator, permits each what it needs
    and nothing else, and turns authentication on.
  - Users have no password. A client is the user that its certificate's common name says, which is
    C(node-<name>) for a node and C(watcher-<name>) for a watcher.
  - Users that it is not told of are left alone; O(absent) takes users away.
  - Runs on the controller, as etcd's user C(root), with the certificate of that name in O(pki).
options:
  endpoints:
    description: etcd's, as https://HOST:PORT.
    type: list
    elements: str
    required: true
  pki:
    description: The authority's folder, as crony_certificate keeps it, with a certificate for root.
    type: path
    required: true
  prefix:
    description: Under which all keys stand.
    type: str
    default: /crony
  cluster:
    description: The cluster's name, from which and its own name a node takes its identity.
    type: str
    required: true
  nodes:
    description: The names of all nodes. Each may read its own jobs, and tell of its own runs.
    type: list
    elements: str
    default: []
  watchers:
    description: The names of all hosts with a watcher. They may touch all that is under O(prefix).
    type: list
    elements: str
    default: []
  operators:
    description: Users that may touch all that is under O(prefix), like C(operator).
    type: list
    elements: str
    default: []
  absent:
    description: Users to take away, with their roles. Their certificates are then good for nothing.
    type: list
    elements: str
    default: []
attributes:
  check_mode:
    description: >-
      Says what it would change. Where etcd can't be reached yet, that is everything.
    support: full
  diff_mode:
    description: Lists the changes of users and permissions.
    support: full
author: Crony Ops
"""

EXAMPLES = """
- name: Give each its rights
  crony_access:
    endpoints: "{{ crony_etcd_endpoints }}"
    pki: "{{ crony_pki }}"
    prefix: "{{ crony_prefix }}"
    cluster: "{{ crony_cluster }}"
    nodes: "{{ groups.nodes }}"
    watchers: "{{ groups.watchers }}"
    operators: [operator]
  run_once: true
  delegate_to: localhost
  become: false
  vars:
    ansible_python_interpreter: "{{ ansible_playbook_python }}"

- name: Take a node's rights away
  crony_access:
    endpoints: "{{ crony_etcd_endpoints }}"
    pki: "{{ crony_pki }}"
    cluster: "{{ crony_cluster }}"
    absent: ["node-{{ inventory_hostname }}"]
  delegate_to: localhost
  become: false
  vars:
    ansible_python_interpreter: "{{ ansible_playbook_python }}"
"""

RETURN = """
steps:
  description: What was changed, or would be, in order.
  type: list
  elements: str
  returned: success
"""

NOT_LOOKED_INTO = (
    "this etcd does not ask for rights inside nested transactions (GHSA-rfx7-8w68-q57q): whoever "
    "has any certificate of its authority may do everything. Take 3.4.44, 3.5.30, 3.6.11 or later"
)


async def bring_about(options: dict[str, Any], *, only_look: bool) -> tuple[list[Step], list[str]]:
    """The steps taken, or to be taken, and what to warn of."""
    from crony_ops.errors import StoreError
    from crony_ops.fleet.access import ADMINISTRATOR, Stored, access, plan
    from crony_ops.fleet.granting import as_user, grant, look
    from crony_ops.store import Etcd, auth
    from crony_ops.store.keys import Keys

    endpoints, pki, prefix = options["endpoints"], Path(options["pki"]), options["prefix"]
    operators, absent = options["operators"], options["absent"]
    wanted = access(
        Keys(prefix),
        options["cluster"],
        nodes=options["nodes"],
        watchers=options["watchers"],
        operators=operators,
    )
    administrator = as_user(ADMINISTRATOR, endpoints, pki, prefix)
    if only_look:
        try:
            async with Etcd(administrator) as etcd:
                return plan(wanted, absent, await look(etcd, (*wanted, *absent))), []
        except StoreError as error:  # there is no etcd yet, or nobody who may ask it
            return plan(wanted, absent, Stored()), [f"looked at nothing: {error}"]
    async with Etcd(administrator) as etcd:
        steps = await grant(etcd, wanted, absent)
    if operators and (pki / f"{operators[0]}.pem").exists():
        async with Etcd(as_user(operators[0], endpoints, pki, prefix)) as etcd:
            if not await auth.looks_into_transactions(etcd):
                return steps, [NOT_LOOKED_INTO]
    return steps, []


def main() -> None:
    names = {"type": "list", "elements": "str", "default": []}
    module = AnsibleModule(
        argument_spec={
            "endpoints": {"type": "list", "elements": "str", "required": True},
            "pki": {"type": "path", "required": True},
            "prefix": {"type": "str", "default": "/crony"},
            "cluster": {"type": "str", "required": True},
            "nodes": names,
            "watchers": names,
            "operators": names,
            "absent": names,
        },
        supports_check_mode=True,
    )
    try:
        from crony_ops.errors import CronyError
    except ImportError as error:
        module.fail_json(msg=f"this Python has no crony-ops: {error}")
    try:
        steps, warnings = asyncio.run(bring_about(module.params, only_look=module.check_mode))
    except (CronyError, ValueError) as error:
        module.fail_json(msg=str(error))
    for warning in warnings:
        module.warn(warning)
    told = [str(step) for step in steps]
    diff = {"prepared": "".join(f"{step}\n" for step in told)}
    module.exit_json(changed=bool(steps), steps=told, diff=diff)


if __name__ == "__main__":
    main()
