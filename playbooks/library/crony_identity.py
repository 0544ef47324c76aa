"""A host's key, its certificate and the authority's: three files, in one step."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = """
module: crony_identity
short_description: A certificate and its key, installed on a host
description:
  - Keeps C(<name>.key), C(<name>.pem) and C(ca.pem) in a folder, each replaced as a whole.
  - One call of a module each host, where C(copy) would be eight.
options:
  folder:
    description: Where the files go. It is root's, and made if there is none.
    type: path
    required: true
  name:
    description: What the files are called by.
    type: str
    required: true
  key:
    description: The key, as PEM. Empty in check mode where there is none yet.
    type: str
    required: true
  certificate:
    description: The certificate, as PEM.
    type: str
    required: true
  authority:
    description: The authority's certificate, as PEM.
    type: str
    required: true
  owner:
    description: Whose the key is.
    type: str
    default: root
  group:
    description: The key's group.
    type: str
    default: root
  key_mode:
    description: The mode of the key. Everybody may read the two certificates.
    type: str
    default: "0640"
attributes:
  check_mode:
    description: Says what it would change.
    support: full
  diff_mode:
    description: Names the files. Never shows what is in them.
    support: full
author: Crony Ops
"""

EXAMPLES = """
- name: Install the node's certificate
  crony_identity:
    folder: /etc/crony/tls
    name: "node-{{ inventory_hostname }}"
    key: "{{ lookup('ansible.builtin.file', issued.key_file) }}"
    certificate: "{{ issued.certificate }}"
    authority: "{{ issued.authority }}"
"""

RETURN = """
changed_files:
  description: The files that were replaced, or whose owner or mode was put right.
  type: list
  elements: str
  returned: success
"""


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "folder": {"type": "path", "required": True},
            "name": {"type": "str", "required": True},
            "key": {"type": "str", "required": True, "no_log": True},
            "certificate": {"type": "str", "required": True},
            "authority": {"type": "str", "required": True},
            "owner": {"type": "str", "default": "root"},
            "group": {"type": "str", "default": "root"},
            "key_mode": {"type": "str", "default": "0640"},
        },
        supports_check_mode=True,
    )
    given = module.params
    folder = Path(given["folder"])
    changed = [str(folder)] if _folder(module, folder) else []
    whose = given["owner"], given["group"], given["key_mode"]
    # The key first: one that broke off in between has a certificate that does not fit, which the
    # next run replaces.
    for file, text, held in (
        (f"{given['name']}.key", given["key"], whose),
        (f"{given['name']}.pem", given["certificate"], ("root", "root", "0644")),
        ("ca.pem", given["authority"], ("root", "root", "0644")),
    ):
        if _install(module, folder / file, text, *held):
            changed.append(str(folder / file))
    diff = {"prepared": "".join(f"{file}\n" for file in changed)}
    module.exit_json(changed=bool(changed), changed_files=changed, diff=diff)


def _folder(module: AnsibleModule, folder: Path) -> bool:
    missing = not folder.is_dir()
    if missing and module.check_mode:
        return True
    folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    return _held(module, folder, "root", "root", "0755") or missing


def _install(
    module: AnsibleModule, path: Path, text: str, owner: str, group: str, mode: str
) -> bool:
    try:
        differs = path.read_text() != text
    except FileNotFoundError:
        differs = True
    if differs and module.check_mode:
        return True
    if differs:
        with tempfile.NamedTemporaryFile("w", dir=module.tmpdir, delete=False) as new:
            new.write(text)
        _held(module, Path(new.name), owner, group, mode)
        module.atomic_move(new.name, str(path))
    return _held(module, path, owner, group, mode) or differs


def _held(module: AnsibleModule, path: Path, owner: str, group: str, mode: str) -> bool:
    wanted: dict[str, Any] = {
        "path": str(path),
        "owner": owner,
        "group": group,
        "mode": mode,
        "seuser": None,
        "serole": None,
        "setype": None,
        "selevel": None,
        "secontext": [None, None, None],
        "attributes": None,
    }
    return bool(module.set_fs_attributes_if_different(wanted, False))


if __name__ == "__main__":
    main()
