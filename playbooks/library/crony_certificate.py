"""A certificate of the fleet's authority: crony_ops.fleet.authority, as a module of Ansible."""

from __future__ import annotations

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = """
module: crony_certificate
short_description: A certificate of the fleet's own authority
description:
  - Keeps an authority in a folder, makes it if there is none, and issues a certificate there.
  - One that is there and still right is left alone. It is made anew when it nears its end, when its
    names or its usage are to be others, when its key is gone, and when the authority is another.
  - Runs on the controller. Runs at once wait for each other.
options:
  pki:
    description: The authority's folder. It holds all keys, each readable by its owner alone.
    type: path
    required: true
  common_name:
    description: Whom it is for; etcd takes it for the name of a user. The files are called by it.
    type: str
    required: true
  names:
    description: The DNS names and IP addresses at which a server is reached.
    type: list
    elements: str
    default: []
  usage:
    description: What it may prove.
    type: list
    elements: str
    choices: [server, client]
    default: [client]
  days:
    description: How long a new one lasts; never longer than the authority, which lasts ten years.
    type: int
    default: 365
  renew_days:
    description: It is made anew when it lasts for less than this many days.
    type: int
    default: 30
attributes:
  check_mode:
    description: Makes in memory what it would make, and writes nothing.
    support: full
  diff_mode:
    description: Says why a certificate is made. Never shows a key.
    support: full
author: Crony Ops
"""

EXAMPLES = """
- name: Issue the node's certificate
  crony_certificate:
    pki: "{{ crony_pki }}"
    common_name: "node-{{ inventory_hostname }}"
  delegate_to: localhost
  become: false
  vars:
    ansible_python_interpreter: "{{ ansible_playbook_python }}"
"""

RETURN = """
certificate:
  description: The certificate, as PEM.
  type: str
  returned: success
authority:
  description: The authority's certificate, as PEM.
  type: str
  returned: success
key_file:
  description: >-
    The file with its key, on the controller. Empty in check mode where there is none yet. The key
    itself is never returned, so that no log can show it.
  type: str
  returned: success
reason:
  description: Why it was made anew.
  type: str
  returned: changed
"""


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "pki": {"type": "path", "required": True},
            "common_name": {"type": "str", "required": True},
            "names": {"type": "list", "elements": "str", "default": []},
            "usage": {
                "type": "list",
                "elements": "str",
                "choices": ["server", "client"],
                "default": ["client"],
            },
            "days": {"type": "int", "default": 365},
            "renew_days": {"type": "int", "default": 30},
        },
        supports_check_mode=True,
    )
    try:
        from crony_ops.errors import CronyError
        from crony_ops.fleet.authority import issued
        from crony_ops.fleet.certificate import Wanted
    except ImportError as error:
        module.fail_json(msg=f"this Python has no crony-ops[fleet]: {error}")
    wanted = module.params
    try:
        found = issued(
            Path(wanted["pki"]),
            Wanted.of(
                wanted["common_name"],
                names=wanted["names"],
                usage=wanted["usage"],
                days=wanted["days"],
                renew_days=wanted["renew_days"],
            ),
            keep=not module.check_mode,
        )
    except CronyError as error:
        module.fail_json(msg=str(error))
    result = {
        "changed": bool(found.renewed),
        "certificate": found.certificate,
        "authority": found.authority,
        "key_file": str(found.key_file or ""),
    }
    if found.renewed:
        result["reason"] = found.renewed
        result["diff"] = {"prepared": f"{wanted['common_name']}: issued, as {found.renewed}\n"}
    module.exit_json(**result)


if __name__ == "__main__":
    main()
