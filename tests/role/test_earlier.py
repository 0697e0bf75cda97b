"""What releases up to 0.2 left on a host goes."""

import os

import front  # noqa: F401 - it puts the module where it is found
import pytest
from ansible.module_utils.trigger_earlier import InotifyLimit, what_unnamed_lacks
from ansible.module_utils.trigger_steps import Report, apply

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="files are to be root's")


class Machine:
    """A limit like that of /proc/sys, which all containers of a machine share, and the file that raised it at boots."""

    def __init__(self, folder, limit, written=None):
        self.limit, self.sysctl = folder / "max_user_instances", folder / "60-trigger.conf"
        self.limit.write_text(str(limit))
        if written:
            self.sysctl.write_text(f"# Written by the Ansible role trigger\n{written}")

    def upgrade(self):
        """How many steps it takes, and what the limit is then."""
        steps = list(InotifyLimit(str(self.sysctl), str(self.limit)).steps_back())
        apply(steps, Report())
        assert not self.sysctl.exists()
        return len(steps), int(self.limit.read_text())


RAISED = "# It was 128 before.\nfs.inotify.max_user_instances = 512\n"


def test_the_limit_is_taken_back_once(tmp_path):
    machine = Machine(tmp_path, 512, RAISED)
    assert machine.upgrade() == (2, 128)
    assert machine.upgrade() == (0, 128)


@pytest.mark.parametrize("since", [256, 8192])
def test_a_limit_that_somebody_else_has_set_since_stays(tmp_path, since):
    assert Machine(tmp_path, since, RAISED).upgrade() == (1, since)


def test_a_file_of_a_release_that_noted_nothing_lowers_nothing(tmp_path):
    assert Machine(tmp_path, 512, "fs.inotify.max_user_instances = 512\n").upgrade() == (1, 512)


def test_an_endpoint_that_the_play_does_not_name_is_told_of():
    assert "time limit" in what_unnamed_lacks("left", {"credentials": {}})
    assert "credentials" not in what_unnamed_lacks("left", {"credentials": {}})
    assert "no credentials" in what_unnamed_lacks(
        "left", {"credentials": {"key": "/etc/trigger/credentials/left/job/key"}}
    )
