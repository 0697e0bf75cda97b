"""Whatever moment a run of the role is cut at, the next one finishes what it began."""

import front
import pytest
from ansible.module_utils.trigger_changes import changes
from ansible.module_utils.trigger_steps import apply
from own_host import needs_own_host, on_a_host, plan

pytestmark = needs_own_host
OF_JOB = {"credentials": {"key": "of-the-job"}, "schedule": {"on_calendar": ["daily"]}}
HELLO = front.endpoint(auth=[{"token": {"secret": front.SECRET}}], frontend={"users": []}, **OF_JOB)
OTHER = front.endpoint(name="other")


FRONT = front.frontend()
BEFORE = plan(HELLO, OTHER, frontend=FRONT)
CHANGES = {
    "everything absent": (BEFORE, "absent"),
    "one absent": (plan({"name": "hello", "state": "absent"}, OTHER, frontend=FRONT), "present"),
    "all absent": (plan({"name": "hello", "state": "absent"}, {"name": "other", "state": "absent"}), "present"),
    "no front end": (plan(HELLO, OTHER), "present"),
    "no token": (plan(front.endpoint(**OF_JOB), OTHER, frontend=FRONT), "present"),
    "no secrets": (plan(front.endpoint(), OTHER, frontend=FRONT), "present"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_the_next_run_finishes(change):
    def test(host):
        host.play(BEFORE)
        host.save()
        says = [step.says for step in changes(host.found(*change))]
        host.play(*change)
        wanted = host.state()
        for cut in range(len(says)):
            host.restore()
            apply(changes(host.found(*change))[:cut])
            host.play(*change)
            left = [step.says for step in changes(host.found(*change))]
            assert (differences(host.state(), wanted), left) == ([], []), f"cut behind {says[:cut][-1:]}"

    on_a_host(test)


def differences(state, wanted):
    parts = [part for part in wanted if state[part] != wanted[part]]
    files = [path for path in {**state["files"], **wanted["files"]} if "files" in parts]
    return parts + [path for path in files if state["files"].get(path) != wanted["files"].get(path)]
