#!/usr/bin/python
# Copyright: The trigger authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The host's side of the role: one call for any number of endpoints."""

from __future__ import annotations

DOCUMENTATION = r"""
module: trigger_deploy
short_description: Puts endpoints on a host, changes them in place, takes them off
description:
  - The role C(trigger) calls it. Its action plugin checks the endpoints and renders their files on the
    controller; this module compares, verifies and applies them on the host, all in one call.
  - Nothing is written unless every changed unit passes C(systemd-analyze verify) and every new address
    is free.
author: The trigger authors (@trigger)
options:
  endpoints:
    description: The endpoints, as the role's variable C(trigger_endpoints).
    type: list
    elements: dict
    default: []
  defaults:
    description: What is laid under them, as C(trigger_defaults). The action plugin uses it up.
    type: dict
    default: {}
  purge:
    description: Remove endpoints that O(endpoints) does not name.
    type: bool
    default: false
  state:
    description: V(absent) removes everything.
    type: str
    choices: [present, absent]
    default: present
  preflight:
    description: Only look at what the host has, and check the endpoints against it.
    type: bool
    default: false
  systemd:
    description: The version of systemd on the host, as RV(systemd) of a preflight told it.
    type: int
  metrics_dir:
    description: Where metrics for node_exporter are written; none by default.
    type: path
  frontend:
    description: The front end, as C(trigger_frontend_*). The action plugin uses it up.
    type: dict
  ipv6:
    description: Whether the host has IPv6, as RV(ipv6) of a preflight told it.
    type: bool
    default: true
  no_log:
    description: Whether secrets stay out of diffs. The action plugin uses it up.
    type: bool
    default: true
  plan:
    description: What the action plugin made of all this, as JSON. Hidden as a whole, since it carries secrets.
    type: str
"""

EXAMPLES = r"""
- name: Put the endpoints on the host
  trigger_deploy:
    endpoints: "{{ trigger_endpoints }}"
    systemd: 252
"""

RETURN = r"""
endpoints:
  description: What was done, a list of sentences for each endpoint that was touched.
  returned: without preflight
  type: dict
frontend:
  description: What was done for the front end, a list of sentences.
  returned: without preflight
  type: list
ipv6:
  description: Whether the host has IPv6.
  returned: with preflight
  type: bool
msg:
  description: What was done, or with C(--check) what there is to do, in order, a line for each step.
  returned: without preflight
  type: str
packages:
  description: Packages that the host lacks.
  returned: with preflight
  type: list
systemd:
  description: The version of systemd on the host.
  returned: with preflight
  type: int
"""

import json
import os
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.trigger_changes import changes
from ..module_utils.trigger_checks import check
from ..module_utils.trigger_found import Found
from ..module_utils.trigger_host import Mistake, own_job
from ..module_utils.trigger_nginx import Refused
from ..module_utils.trigger_passwords import Unknown
from ..module_utils.trigger_preflight import preflight
from ..module_utils.trigger_steps import FRONTEND, Report, apply
from ..module_utils.trigger_systemd import Failed
from ..module_utils.trigger_turn import turn


def _promised_packages(packages: list[str], check_mode: bool) -> dict[str, Any]:
    """With --check, no package manager is asked: on a bare host its lists are empty, and filling them would
    be a change. So what the next task would install is told here."""
    names = "".join(f"{name}\n" for name in packages) if check_mode else ""
    return {
        "changed": bool(names),
        "diff": {"before_header": "packages", "after_header": "packages", "before": "", "after": names},
    }


def _warn(module: AnsibleModule, warnings: list[str]) -> None:
    for warning in warnings:
        module.warn(warning)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "endpoints": {"type": "list", "elements": "dict", "default": []},
            "defaults": {"type": "dict", "default": {}},
            "purge": {"type": "bool", "default": False},
            "state": {"choices": ["present", "absent"], "default": "present"},
            "preflight": {"type": "bool", "default": False},
            "systemd": {"type": "int"},
            "ipv6": {"type": "bool", "default": True},
            "frontend": {"type": "dict", "no_log": True},
            "metrics_dir": {"type": "path"},
            "no_log": {"type": "bool", "default": True},
            "plan": {"type": "str", "no_log": True},
        },
        supports_check_mode=True,
    )
    os.umask(0o022)  # also of the programs that are called; what is ours has its mode set
    plan = json.loads(module.params["plan"])
    report = Report()
    try:
        if module.params["preflight"]:
            host = preflight(plan, module.params["state"], only_looks=module.check_mode)
            _warn(module, host.pop("warnings"))
            module.exit_json(**host, **_promised_packages(host["packages"], module.check_mode))
        with turn(only_looks=module.check_mode):
            found = Found(plan, module.params["purge"], module.params["state"], own_job())
            check(found)
            steps = changes(found)
            report.warnings += found.warnings
            if not module.check_mode:
                apply(steps, report)
    except (Mistake, Failed, Refused, Unknown, OSError) as error:
        _warn(module, report.warnings)  # of what was done by then, of which the next run knows nothing
        module.fail_json(msg=str(error))
    _warn(module, report.warnings)
    module.exit_json(
        changed=bool(steps),
        msg="\n".join(step.says for step in steps),
        diff=[part for step in steps for part in step.diff],
        endpoints={name: done for name, done in report.done.items() if done and name != FRONTEND},
        frontend=report.done.get(FRONTEND, []),
    )


if __name__ == "__main__":
    main()
