"""What stays on a host when something is removed."""

import grp
import os
import re
import shutil
import subprocess
from pathlib import Path

import front
import pytest
from ansible.module_utils import trigger_remainder
from ansible.module_utils.trigger_changes import changes
from ansible.module_utils.trigger_host import Endpoint
from ansible.module_utils.trigger_steps import apply
from own_host import METRICS, on_a_host, plan

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="mount(8) is root's"),
    pytest.mark.skipif(not shutil.which("userdel"), reason="users are made and removed"),
]
HELLO = front.endpoint()
OTHER = front.endpoint(name="other")
GONE = {"name": "hello", "state": "absent"}


def by_the_play(host, metrics_dir=str(METRICS)):
    return host.play(plan(GONE, OTHER, metrics_dir=metrics_dir))


def by_the_remainder(host, **_):
    """When the run has ended in which the play took place."""
    return apply(trigger_remainder._removes(Endpoint("hello")))


def everything(host):
    return host.play(plan(HELLO, OTHER), "absent")


removes = pytest.mark.parametrize("remove", [by_the_play, by_the_remainder])


@removes
def test_an_endpoint_s_metrics_go_with_it(remove):
    """An idle acceptor tells nobody, and there may be no other."""

    def test(host):
        host.play(plan(HELLO, OTHER))
        assert told() == ["hello", "other"]
        remove(host)
        assert told() == ["other"]

    def told():
        text = (METRICS / "trigger.prom").read_text()
        return [name for name in ("hello", "other") if f'endpoint="{name}"' in text]

    on_a_host(test)


@removes
def test_without_metrics_nobody_writes_them(remove):
    def test(host):
        host.play(plan(HELLO, OTHER, metrics_dir=""))
        remove(host, metrics_dir="")
        assert list(METRICS.iterdir()) == []

    on_a_host(test)


def groups():
    return {group.gr_name for group in grp.getgrall() if group.gr_name.startswith("trigger")}


@pytest.mark.parametrize("of_users", ["yes", "no"])
def test_groups_go_with_users(of_users):
    """Also where userdel leaves them (USERGROUPS_ENAB of login.defs)."""

    def test(host):
        defs = Path("/etc/login.defs")
        defs.write_text(re.sub("(?m)^USERGROUPS_ENAB.*", f"USERGROUPS_ENAB {of_users}", defs.read_text()))
        host.play(plan(HELLO, OTHER))
        assert groups() == {"trigger", "trigger-hello", "trigger-other", "triggermetrics"}
        by_the_play(host)
        assert groups() == {"trigger", "trigger-other", "triggermetrics"}
        everything(host)
        assert groups() == set()

    on_a_host(test)


def test_a_group_in_which_others_are_stays_and_that_is_said_once():
    def test(host):
        host.play(plan(HELLO, OTHER))
        subprocess.run(["useradd", "--groups", "trigger-hello", "monitoring"], check=True)
        assert by_the_play(host).warnings == ["the group trigger-hello was kept: it has other members: monitoring"]
        assert "trigger-hello" in groups()
        assert changes(host.found(plan(GONE, OTHER))) == []
        assert everything(host).warnings == []
        assert changes(host.found(plan(GONE, OTHER), "absent")) == []
        host.play(plan(HELLO, OTHER))
        assert "monitoring" in grp.getgrnam("trigger-hello").gr_mem

    on_a_host(test)


def test_a_group_of_which_another_user_is_stays():
    def test(host):
        host.play(plan(HELLO, OTHER))
        defs = Path("/etc/login.defs")
        defs.write_text(defs.read_text().replace("USERGROUPS_ENAB yes", "USERGROUPS_ENAB no"))
        subprocess.run(["useradd", "--gid", "trigger-hello", "monitoring"], check=True)
        (warning,) = by_the_play(host).warnings
        assert warning.startswith("the group trigger-hello was kept: /usr/sbin/groupdel trigger-hello: ")
        assert changes(host.found(plan(GONE, OTHER))) == []

    on_a_host(test)


def test_the_journal_tells_what_was_kept():
    """Nobody sees the warnings of what is done behind a play."""

    def test(host):
        host.play(plan(HELLO, OTHER))
        subprocess.run(["useradd", "--groups", "trigger-hello", "monitoring"], check=True)
        trigger_remainder.load = lambda: ("hello", False, {})
        said = []
        assert trigger_remainder.main(said.append) is None
        assert "the group trigger-hello was kept: it has other members: monitoring" in said

    on_a_host(test)
