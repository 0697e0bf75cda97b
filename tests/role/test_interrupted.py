"""Whatever moment a run of the role is cut at, the next one finishes what it began."""

import os
import socket
from pathlib import Path

import front
import pytest
from ansible.module_utils import trigger_application, trigger_checks, trigger_remainder
from ansible.module_utils.trigger_changes import changes
from ansible.module_utils.trigger_files import draft_of
from ansible.module_utils.trigger_found import Found
from ansible.module_utils.trigger_host import TIMER_STAMPS, UNFINISHED, Endpoint, Mistake
from ansible.module_utils.trigger_names import VERSIONS
from ansible.module_utils.trigger_nginx import ACCESS_LOG
from ansible.module_utils.trigger_steps import Report, apply
from own_host import METRICS, needs_own_host, of_before, on_a_host, plan, unit_files

pytestmark = needs_own_host
OF_JOB = {"credentials": {"key": "of-the-job"}, "schedule": {"on_calendar": ["daily"], "persistent": True}}
SECRET = {"auth": [{"token": {"secret": front.SECRET}}]}
HELLO = front.endpoint(**SECRET, frontend={"users": []}, **OF_JOB)
OTHER = front.endpoint(name="other")
SERVER = front.endpoint(name="other", handoff=True)
HOURLY = {**HELLO, "schedule": {"on_calendar": ["hourly"], "persistent": True}}
THIRD = front.endpoint(name="third", **SECRET, frontend={"users": []})
STAMP = Path(TIMER_STAMPS, "stamp-trigger-fire@hello.timer")

FRONT = front.frontend()
BEFORE = plan(HELLO, OTHER, frontend=FRONT)
# What there is, what becomes of it, and what clients have started.
CHANGES = {
    "everything absent": (BEFORE, (BEFORE, "absent"), ["trigger@hello.service", "trigger-frontend.service"]),
    "one absent": (
        BEFORE,
        (plan({"name": "hello", "state": "absent"}, OTHER, frontend=FRONT), "present"),
        ["trigger-frontend.service"],
    ),
    "all absent": (
        BEFORE,
        (plan({"name": "hello", "state": "absent"}, {"name": "other", "state": "absent"}), "present"),
        ["trigger-frontend.service"],
    ),
    "no front end": (BEFORE, (plan(HELLO, OTHER), "present"), ["trigger-frontend.service"]),
    "no metrics": (BEFORE, (plan(HELLO, OTHER, frontend=FRONT, metrics_dir=""), "present"), []),
    "no token": (BEFORE, (plan(front.endpoint(**OF_JOB), OTHER, frontend=FRONT), "present"), []),
    "no secrets": (BEFORE, (plan(front.endpoint(), OTHER, frontend=FRONT), "present"), []),
    "another time": (BEFORE, (plan(HOURLY, OTHER, frontend=FRONT), "present"), []),
    "one more": (BEFORE, (plan(HELLO, OTHER, THIRD, frontend=FRONT), "present"), ["trigger-frontend.service"]),
    "a server": (BEFORE, (plan(HELLO, SERVER, frontend=FRONT), "present"), ["trigger@other.service"]),
    "no server": (
        plan(HELLO, SERVER, frontend=FRONT),
        (BEFORE, "present"),
        ["trigger-run@other.service"],
    ),
    "an upgrade": (
        of_before(BEFORE),
        (BEFORE, "present"),
        [
            *("trigger@hello.service", "trigger-dispatch@hello.service", "trigger-dispatch@other.service"),
            *("trigger-frontend.service", "trigger-metrics.service"),
        ],
    ),
}


@pytest.mark.parametrize(("before", "change", "started"), CHANGES.values(), ids=CHANGES)
def test_the_next_run_finishes(before, change, started):
    def test(host):
        host.play(before)
        host.systemd.begin(*started)
        STAMP.parent.mkdir(parents=True)
        STAMP.touch()
        host.save()
        says = [step.says for step in changes(host.found(*change))]
        host.play(*change)
        wanted = host.state()
        assert not wanted["began as others"]
        for cut in cuts(says):
            host.restore()
            apply(changes(host.found(*change))[:cut], Report())
            host.play(*change)
            left = [step.says for step in changes(host.found(*change))]
            assert (differences(host.state(), wanted), left) == ([], []), f"cut behind {says[:cut][-1:]}"

    on_a_host(test)


def cuts(says):
    """Behind how many steps. Nobody reads the programs before all are there, so only behind the first and the last."""
    of_programs = [text.startswith(VERSIONS) for text in says]
    return [cut for cut in range(len(says)) if not (cut > 1 and all(of_programs[cut - 2 : cut + 1]))]


def differences(state, wanted):
    parts = [part for part in wanted if state[part] != wanted[part]]
    files = [path for path in {**state["files"], **wanted["files"]} if "files" in parts]
    return parts + [path for path in files if state["files"].get(path) != wanted["files"].get(path)]


def test_who_was_to_go_and_is_not_named_any_more_stays():
    """With the user, although it was noted that he goes."""

    def test(host):
        host.play(BEFORE)
        apply(changes(host.found(*CHANGES["one absent"][1]))[:1], Report())
        wanted = host.state()["users"]
        host.play(plan(OTHER, frontend=FRONT))
        assert host.state()["users"] == wanted

    on_a_host(test)


@pytest.mark.parametrize("change", ["a server", "no server"])
def test_what_is_noted_of_others_waits_for_a_play_that_names_them(change):
    before, after, started = CHANGES[change]

    def test(host):
        host.play(before)
        host.systemd.begin(*started)
        host.save()
        says = [step.says for step in changes(host.found(*after))]
        host.play(*after)
        wanted = host.state()
        for cut in cuts(says):
            host.restore()
            apply(changes(host.found(*after))[:cut], Report())
            host.play(plan(HELLO, frontend=FRONT))
            assert changes(host.found(plan(HELLO, frontend=FRONT))) == []
            host.play(*after)
            assert differences(host.state(), wanted) == []

    on_a_host(test)


def test_a_run_that_has_begun_behind_a_cut_goes_on():
    """It is in the unit in which the server was that the socket had been handed to."""

    def test(host):
        before, after, started = CHANGES["no server"]
        host.play(before)
        host.systemd.begin(*started)
        steps = changes(host.found(*after))
        (position,) = [number for number, step in enumerate(steps) if step.says.startswith("systemctl start ")]
        apply(steps[: position + 1], Report())
        host.systemd.begin("trigger-run@other.service")
        host.play(*after)
        assert "trigger-run@other.service" in host.systemd.active

    on_a_host(test)


def test_a_run_that_has_begun_behind_a_boot_goes_on():
    """Which has brought up the units of now, when a play had been cut that had written them and no more."""

    def test(host):
        before, after, started = CHANGES["no server"]
        host.play(before)
        host.systemd.begin(*started)
        host.save()
        says = [step.says for step in changes(host.found(*after))]
        begin = next(n for n, text in enumerate(says) if "trigger@other.socket.d/endpoint.conf" in text) + 1
        end = next(n for n, text in enumerate(says) if text.startswith("systemctl stop trigger@other.socket"))
        for cut in (number for number in cuts(says) if begin <= number <= end):
            host.restore()
            apply(changes(host.found(*after))[:cut], Report())
            host.systemd.known = unit_files()
            sockets = [f"trigger{part}@other.socket" for part in ("", "-dispatch", "-run")]
            host.systemd.begin(*sockets, "trigger-dispatch@other.service", "trigger-run@other.service")
            trigger_checks._check_own_server(Found(after[0], purge=False, state="present", own="other"))
            host.play(*after)
            assert "trigger-run@other.service" in host.systemd.active, says[:cut][-1:]

    on_a_host(test)


@pytest.mark.parametrize("content", ["", "null", "{}", "[1]", "7", "[", '["other"]'])
def test_a_note_that_somebody_else_has_written_ends_with_the_next_run(content):
    def test(host):
        host.play(BEFORE)
        wanted = host.state()
        Path(UNFINISHED).write_text(content)
        host.play(BEFORE)
        assert differences(host.state(), wanted) == []
        assert changes(host.found(BEFORE)) == []

    on_a_host(test)


def test_a_group_goes_that_what_was_put_off_has_left():
    def test(host):
        host.play(plan(HELLO, OTHER))
        host.save()
        apply(trigger_remainder._removes(Endpoint("hello")), Report())
        wanted = host.state()
        host.restore()
        is_killed_before_the_group(lambda: apply(trigger_remainder._removes(Endpoint("hello")), Report()))
        host.play(plan(OTHER, {"name": "hello", "state": "absent"}))
        assert differences(host.state(), wanted) == []

    on_a_host(test)


def test_what_holds_the_port_since_then_is_nobody_else():
    """A run was cut short when the socket had been stopped, and the server that it had been handed to had not."""

    def test(host):
        with socket.create_server(("127.0.0.1", 0)) as server:
            keys = {"name": "other", "listen": [f"127.0.0.1:{server.getsockname()[1]}"]}
            after = plan(front.endpoint(**keys))
            host.play(plan(front.endpoint(**keys, handoff=True)))
            host.systemd.active.remove("trigger@other.socket")
            trigger_checks.main_pid = {"trigger@other.service": 0, "trigger-run@other.service": os.getpid()}.get
            with pytest.raises(Mistake, match="in use by another program"):
                trigger_checks._check_addresses(host.found(after))
            apply(changes(host.found(after))[:1], Report())
            trigger_checks._check_addresses(host.found(after))
            trigger_checks.main_pid = {"trigger@other.service": 0, "trigger-run@other.service": 0}.get
            with pytest.raises(Mistake, match="in use by another program"):
                trigger_checks._check_addresses(host.found(after))

    on_a_host(test)


def test_what_was_to_come_can_be_removed_before_it_is_there():
    def test(host):
        before = host.state()
        host.save()
        for cut in cuts([step.says for step in changes(host.found(BEFORE))]):
            host.restore()
            apply(changes(host.found(BEFORE))[:cut], Report())
            host.play(BEFORE, "absent")
            after = host.state()
            after["files"].pop(ACCESS_LOG, None)
            assert differences(after, before) == [], f"cut behind step {cut}"

    on_a_host(test)


def test_no_draft_stays_of_what_was_being_written():
    """Of one that is killed then; there are secrets among them."""

    def test(host):
        before = host.state()
        host.play(BEFORE)
        there = {path for path, (_, content) in host.state()["files"].items() if content is not None}
        for path in there - {*before["files"], ACCESS_LOG, str(METRICS / "trigger.prom")}:
            Path(draft_of(path)).touch()
        host.play(BEFORE, "absent")
        after = host.state()
        after["files"].pop(ACCESS_LOG)
        assert differences(after, before) == []

    on_a_host(test)


def test_no_draft_stays_of_what_is_there():
    def test(host):
        host.play(BEFORE)
        wanted = host.state()
        there = {path for path, (_, content) in wanted["files"].items() if content is not None}
        for path in there - {ACCESS_LOG, str(METRICS / "trigger.prom")}:  # which others write
            Path(draft_of(path)).touch()
        host.play(BEFORE)
        assert differences(host.state(), wanted) == []
        assert changes(host.found(BEFORE)) == []

    on_a_host(test)


def test_no_draft_stays_of_a_secret_that_is_not_wanted_any_more():
    def test(host):
        host.play(plan(front.endpoint(**OF_JOB), OTHER))
        wanted = host.state()
        for draft in ("acceptor/.auth.new", "job/.other.new"):
            Path("/etc/trigger/credentials/hello", draft).parent.mkdir(exist_ok=True)
            Path("/etc/trigger/credentials/hello", draft).touch()
        host.play(plan(front.endpoint(**OF_JOB), OTHER))
        assert differences(host.state(), wanted) == []

    on_a_host(test)


@pytest.mark.parametrize("change", ["one absent", "everything absent"])
def test_a_group_goes_although_its_user_went_before(change):
    def test(host):
        host.play(BEFORE)
        host.save()
        host.play(*CHANGES[change][1])
        wanted = host.state()
        host.restore()
        is_killed_before_the_group(lambda: host.play(*CHANGES[change][1]))
        host.play(*CHANGES[change][1])
        assert differences(host.state(), wanted) == []

    on_a_host(test)


def is_killed_before_the_group(play):
    """On a host of a test's own, where login.defs has userdel leave it (USERGROUPS_ENAB)."""

    def is_killed(group):
        raise KeyboardInterrupt(group)

    defs = Path("/etc/login.defs")
    defs.write_text(defs.read_text().replace("USERGROUPS_ENAB yes", "USERGROUPS_ENAB no"))
    remove_group, trigger_application._remove_group = trigger_application._remove_group, is_killed
    with pytest.raises(KeyboardInterrupt):
        play()
    trigger_application._remove_group = remove_group
