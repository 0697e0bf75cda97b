"""What stays on a host when something is removed."""

import grp
import itertools
import os
import re
import subprocess
import threading
import time
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import front
import pytest
from ansible.module_utils import trigger_nginx, trigger_remainder, trigger_turn
from ansible.module_utils.trigger_changes import changes
from ansible.module_utils.trigger_host import Endpoint
from ansible.module_utils.trigger_steps import Report, apply
from own_host import METRICS, UNITS, needs_own_host, on_a_host, plan

from trigger.dispatcher import exclusive, on_end

pytestmark = needs_own_host
HELLO = front.endpoint()
OTHER = front.endpoint(name="other")
GONE = {"name": "hello", "state": "absent"}


def by_the_play(host, metrics_dir=str(METRICS)):
    return host.play(plan(GONE, OTHER, metrics_dir=metrics_dir))


def by_the_remainder(host, **_):
    """When the run has ended in which the play took place."""
    return apply(trigger_remainder._removes(Endpoint("hello")), Report())


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


SHARE = Path("/usr/local/share")
SECRETS = {"auth": [{"token": {"secret": front.SECRET}}], "credentials": {"key": "of-the-job"}}


def test_of_everything_the_access_log_stays():
    """A log is the host's record of what has happened, and logrotate's to end."""

    def test(host):
        before = host.state()
        host.play(plan(front.endpoint(**SECRETS, frontend={"users": []}), OTHER, frontend=front.frontend()))
        everything(host)
        after = host.state()
        assert set(after["files"]) - set(before["files"]) == {trigger_nginx.ACCESS_LOG}
        del after["files"][trigger_nginx.ACCESS_LOG]
        assert after == before

    on_a_host(test)


def test_folders_in_which_the_host_has_something_stay():
    def test(host):
        (SHARE / "man/man8").mkdir()
        (SHARE / "man/man8/own.8").touch()
        (SHARE / "elsewhere").mkdir()
        (SHARE / "bash-completion").symlink_to("elsewhere")
        before = host.state()
        host.play(plan(HELLO, OTHER))
        everything(host)
        assert host.state() == before

    on_a_host(test)


def test_folders_of_a_host_that_never_had_the_role_are_none_of_its_business():
    def test(host):
        (SHARE / "man/man8").mkdir()
        assert changes(host.found(plan(HELLO), "absent")) == []

    on_a_host(test)


def test_folders_go_with_the_last_secret_in_them():
    def test(host):
        host.play(plan(front.endpoint(), OTHER))
        without = set(host.state()["files"])
        host.play(plan(front.endpoint(**SECRETS), OTHER))
        assert "/etc/trigger/credentials/hello/acceptor/auth" in host.state()["files"]
        override = UNITS / "trigger@hello.service.d/override.conf"
        override.touch()
        host.play(plan(front.endpoint(), OTHER))
        assert set(host.state()["files"]) - without == {str(override), str(override.parent)}
        override.unlink()
        assert [step.says for step in changes(host.found(plan(front.endpoint(), OTHER)))][-1:] == [
            f"{override.parent} removed"
        ]
        host.play(plan(front.endpoint(), OTHER))
        assert set(host.state()["files"]) == without

    on_a_host(test)


def test_what_endpoints_share_goes_with_the_last_one():
    shared = {exclusive.LOCKS, f"{exclusive.LOCKS}/deploy", on_end.DIRECTORY, f"{on_end.DIRECTORY}/1.json"}

    def test(host):
        host.play(plan(HELLO, OTHER))
        for directory in (exclusive.LOCKS, on_end.DIRECTORY):
            os.makedirs(directory)
        for path in shared:
            Path(path).exists() or Path(path).touch()
        by_the_play(host)
        assert shared <= set(host.state()["files"])
        host.play(plan(GONE, {"name": "other", "state": "absent"}))
        assert shared & set(host.state()["files"]) == set()

    on_a_host(test)


def test_what_endpoints_share_goes_behind_the_run_that_removes_the_last_one():
    def test(host):
        host.play(plan(HELLO))
        for directory in (exclusive.LOCKS, on_end.DIRECTORY):
            os.makedirs(directory)
        by_the_remainder(host)
        assert {exclusive.LOCKS, on_end.DIRECTORY} & set(host.state()["files"]) == set()
        assert changes(host.found(plan(GONE))) == []

    on_a_host(test)


@pytest.mark.parametrize("began", ["trigger-metrics.service", "trigger-frontend.service"])
def test_what_a_socket_starts_meanwhile_goes_with_it(began):
    """A run tells of its end, or somebody looks at the page, when the play has looked at what there is."""

    def test(host):
        host.play(plan(HELLO, OTHER, frontend=front.frontend()))
        steps = changes(host.found(plan(HELLO, OTHER), "absent"))
        host.systemd.begin(began)
        apply(steps, Report())
        assert not [unit for unit in host.systemd.active if unit.startswith("trigger")]

    on_a_host(test)


def test_a_file_of_somebody_else_is_no_endpoint():
    def test(host):
        Path("/etc/sysusers.d/trigger-happy.conf").write_text('u trigger-happy - "Somebody\'s"\n')
        subprocess.run(["useradd", "trigger-happy"], check=True)
        before = host.state()
        host.play(plan(HELLO, OTHER))
        everything(host)
        assert host.state() == before

    on_a_host(test)


def test_what_goes_shows_no_secret():
    def test(host):
        host.play(plan(front.endpoint(**SECRETS), OTHER))
        found = host.found(plan(front.endpoint(), OTHER))
        shown = "".join(part["before"] for step in changes(found) for part in step.diff)
        assert front.SECRET not in shown and "of-the-job" not in shown
        assert shown.count("(not shown)") == 2

    on_a_host(test)


def test_what_is_put_off_is_done_however_long_another_play_takes():
    def test(host):
        host.play(plan(HELLO, OTHER))
        trigger_remainder.load = lambda: ("hello", False, {})
        trigger_turn.time = SimpleNamespace(monotonic=partial(next, itertools.count(0, 3600)), sleep=time.sleep)
        said = []
        with trigger_turn.turn():
            thread = threading.Thread(target=lambda: said.append(trigger_remainder.main(lambda line: None)))
            thread.start()
            thread.join(1)
            assert thread.is_alive(), said
        thread.join(30)
        assert said == [None]
        assert not Path("/etc/trigger/hello.json").exists()

    on_a_host(test)
