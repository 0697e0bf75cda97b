"""What follows from what was found on a host: which steps, and in which order. Nothing here is done."""

import grp
import os
import subprocess

import front
import pytest
from ansible.module_utils import trigger_found, trigger_later, trigger_nginx, trigger_preflight
from ansible.module_utils.trigger_changes import changes
from ansible.module_utils.trigger_checks import check
from ansible.module_utils.trigger_files import Place
from ansible.module_utils.trigger_found import METRICS_UNFINISHED, Found
from ansible.module_utils.trigger_host import METRICS, UNFINISHED, Mistake, own_job
from ansible.module_utils.trigger_later import Work
from ansible.module_utils.trigger_names import ENDED
from ansible.module_utils.trigger_overrides import Overrides
from ansible.module_utils.trigger_steps import Outcome, Report, Step, apply
from own_host import needs_own_host, on_a_host, plan

from trigger import room

UNITS = "/etc/systemd/system"
CONFIGURATION = "/etc/trigger/hello.json"
INNER = "trigger-dispatch@hello.socket trigger-run@hello.socket"
START = f"systemctl start {INNER} trigger@hello.socket"
DISPATCHER = "trigger-dispatch@hello.service"
NEVER_THERE = {"LoadState": "not-found", "ActiveState": "inactive", "NeedDaemonReload": "no", "Listen": []}
ACTIVE = {"LoadState": "loaded", "ActiveState": "active", "NeedDaemonReload": "no", "Listen": []}
DAILY = {"on_calendar": ["daily"]}
TIMER = "trigger-fire@hello.timer"
SECRET = {"auth": [{"token": {"secret": front.SECRET}}], "credentials": {"key": "of-the-job"}}


@pytest.fixture
def fresh(monkeypatch):
    """A host that has nothing of the role, and what was found there."""
    states = lambda units: {unit: dict(NEVER_THERE) for unit in units}  # noqa: E731
    monkeypatch.setattr(trigger_found, "show", states)
    monkeypatch.setattr(trigger_nginx, "show", states)

    def make(*endpoints, frontend=False, on_host=(), overrides=(), **options):
        monkeypatch.setattr(trigger_found, "Overrides", lambda: Overrides(overrides))
        monkeypatch.setattr(trigger_found, "found_names", lambda: on_host)
        endpoints = endpoints or (front.endpoint(**SECRET),)
        renderer = front.make_renderer(frontend)
        prepared = front.prepare(*endpoints, front=frontend)
        plan = {
            "shared": renderer.shared(),
            "version": renderer.version,
            "frontend": renderer.frontend(),
            "endpoints": [renderer.endpoint(each, None) for each in prepared],
        }
        return Found(plan, options.get("purge", False), options.get("state", "present"), options.get("own"))

    return make


@pytest.fixture
def settled(fresh):
    """A host on which all is as it shall be."""

    def make(*endpoints, **options):
        found = fresh(*endpoints, **options)
        for file in [*found.files(), found.root_unit]:
            file.before, file.changed = file.content, False
        if found.programs:
            found.programs.changed = False
        found.places, found.missing_users = [], []
        found.binds_root = found.secures_root = False
        found.enabled = set(found.waiting_units())
        active = ["trigger-root.service", *found.waiting_units()]
        found.states = {unit: dict(ACTIVE if unit in active else NEVER_THERE) for unit in found.states}
        return found

    return make


def file_of(found, path):
    (file,) = [file for file in found.files() if file.path == path]
    return file


def says(found):
    return [step.says for step in changes(found)]


def test_where_all_is_as_it_shall_be_there_is_nothing_to_do(settled):
    assert changes(settled()) == []
    assert changes(settled(front.endpoint(), front.endpoint(name="other", state="disabled"))) == []


def test_another_configuration_costs_acceptor_and_dispatcher_alone(settled):
    found = settled()
    file_of(found, CONFIGURATION).changed = True
    assert says(found) == [
        f"{UNFINISHED} written",
        f"{CONFIGURATION} written",
        "systemctl stop trigger@hello.service",
        f"systemctl try-restart {DISPATCHER}",
        START,
        f"{UNFINISHED} removed",
    ]


def test_another_job_stops_nothing(settled):
    found = settled()
    file_of(found, f"{UNITS}/trigger-run@hello.service.d/endpoint.conf").changed = True
    assert says(found) == [
        f"{UNITS}/trigger-run@hello.service.d/endpoint.conf written",
        "systemctl daemon-reload",
        START,
    ]


@pytest.mark.parametrize(
    ("before", "stopped"),
    [
        (b"[Socket]\nBacklog=1\n", "trigger@hello.socket trigger@hello.service"),
        (b"# [Socket] has the same directives\n%s", None),
    ],
)
def test_a_socket_is_replaced_when_its_directives_change_and_only_then(settled, before, stopped):
    found = settled()
    file = file_of(found, f"{UNITS}/trigger@.socket")
    file.before, file.changed = before.replace(b"%s", file.content), True
    stops = [text for text in says(found) if text.startswith("systemctl stop")]
    assert stops == ([f"systemctl stop {stopped}"] if stopped else [])


def test_what_an_earlier_run_did_not_come_to_is_made_up_for(settled):
    found = settled()
    found.states["trigger-run@hello.service"]["NeedDaemonReload"] = "yes"
    assert says(found) == ["systemctl daemon-reload", START]
    found = settled()
    found.unfinished, found.was_interrupted = {"hello"}, True
    stop = "systemctl stop trigger@hello.socket trigger@hello.service"
    renew = f"systemctl try-restart {DISPATCHER}"
    reload = "systemctl daemon-reload"
    assert says(found) == [f"{UNFINISHED} written", reload, stop, renew, START, f"{UNFINISHED} removed"]
    found = settled()
    found.unfinished, found.was_interrupted = {"gone"}, True
    assert says(found) == [reload, START, f"{UNFINISHED} removed"]


def test_metrics_are_written_by_the_next_run_where_one_that_removes_was_cut(settled):
    found = settled()
    found.companions = [METRICS]
    found.unfinished, found.was_interrupted = {METRICS_UNFINISHED}, True
    assert "systemctl restart trigger-metrics.service" in says(found)


def test_a_mount_that_somebody_keeps_writable_keeps_nothing_else_from_being_done(settled):
    found = settled()
    file_of(found, CONFIGURATION).changed = found.secures_root = True
    assert says(found)[-2:] == [f"{UNFINISHED} removed", "systemctl reload trigger-root.service"]


def test_what_does_not_listen_is_started_and_told_of(settled):
    found = settled()
    found.states["trigger@hello.socket"]["ActiveState"] = "failed"
    (step,) = changes(found)
    assert (step.says, step.tells) == (START, {"hello": ["trigger@hello.socket started"]})


def test_a_server_that_the_socket_is_handed_to_is_started_by_nothing_else(settled):
    found = settled(front.endpoint(handoff=True))
    found.enabled.update(INNER.split())
    for unit in INNER.split():
        found.states[unit]["ActiveState"] = "active"
    assert says(found) == [
        f"systemctl disable {INNER}",
        "systemctl daemon-reload",
        f"systemctl stop {INNER}",
        "systemctl start trigger@hello.socket",
    ]


@pytest.mark.parametrize(
    ("template", "stopped"),
    [("trigger-dispatch@.socket", "trigger-dispatch@hello.socket"), ("trigger-run@.socket", INNER)],
)
def test_the_sockets_behind_the_acceptor_are_made_anew_when_their_directives_change(settled, template, stopped):
    found = settled()
    file = file_of(found, f"{UNITS}/{template}")
    file.before, file.changed = b"[Socket]\nSocketMode=0666\n", True
    assert says(found) == [
        f"{UNFINISHED} written",
        f"{UNITS}/{template} written",
        "systemctl daemon-reload",
        f"systemctl stop {stopped}",
        START,
        f"{UNFINISHED} removed",
    ]


def test_a_run_that_an_earlier_release_has_begun_needs_no_socket(settled):
    found = settled()
    found.states["trigger-run@hello.socket"]["ActiveState"] = "inactive"
    found.states["trigger-run@hello.service"]["ActiveState"] = "active"
    assert says(found) == []
    found.states["trigger-run@hello.service"]["ActiveState"] = "failed"
    assert says(found) == [START]


def test_from_an_earlier_release_no_run_begins_while_the_units_change(settled):
    found = settled()
    found.earlier.is_there = True
    assert says(found) == [
        f"{UNFINISHED} written",
        "hello: no run begins while the units change",
        "systemctl daemon-reload",
        "hello: requests and runs are handed on to the dispatcher",
        START,
        f"systemctl start {DISPATCHER}",
        f"{UNFINISHED} removed",
    ]


@needs_own_host
def test_on_a_fresh_host_each_comes_before_what_needs_it():
    on_a_host(_each_comes_before_what_needs_it)


def _each_comes_before_what_needs_it(host):
    told = says(host.found(plan(front.endpoint(**SECRET), metrics_dir="")))
    in_order = [
        f"{UNFINISHED} written",
        "/etc/sysusers.d/trigger-hello.conf written",
        "/bin/systemd-sysusers",
        "/var/spool/trigger/hello made",
        f"{UNITS}/trigger@.service written",
        "/etc/trigger/credentials/hello/acceptor/auth written",
        "/usr/local/lib/trigger/launch.py written",
        "systemctl enable",
        "systemctl start trigger-root.service",
        "systemctl daemon-reload",
        "/usr/local/lib/trigger/current written",
        f"{CONFIGURATION} written",
        START,
        f"{UNFINISHED} removed",
    ]
    places = [[text.startswith(wanted) for text in told].index(True) for wanted in in_order]
    assert places == sorted(places)
    assert sum("daemon-reload" in text for text in told) == 1


def test_programs_are_compiled_before_they_are_used_and_acceptors_leave_behind_it(settled):
    found = settled()
    found.programs.changed = True
    told = [text.replace(found.programs.target, "NEW") for text in says(found)]
    assert told == [
        f"{UNFINISHED} written",
        "/usr/local/lib/trigger/NEW compiled",
        "/usr/local/lib/trigger/current written",
        "systemctl stop trigger@hello.service",
        f"systemctl try-restart {DISPATCHER}",
        START,
        f"{UNFINISHED} removed",
    ]


def test_what_dispatchers_of_before_would_let_all_read_is_closed_behind_them(settled):
    found = settled()
    found.programs.changed = True
    ended = Place(ENDED, 0o700)
    ended.changed = True  # whatever this machine has there
    found.places = [ended]
    told = [text.partition(" ")[0] if text.startswith(ENDED) else text for text in says(found)]
    assert told[told.index(f"systemctl try-restart {DISPATCHER}") + 1] == ENDED
    assert told.count(ENDED) == 1


def test_a_timer_that_changes_is_stopped_before_systemd_knows_its_new_times(settled):
    found = settled(front.endpoint(schedule=DAILY))
    assert says(found) == []
    file_of(found, f"{UNITS}/{TIMER}").changed = True
    assert says(found) == [
        f"systemctl stop {TIMER}",
        f"{UNITS}/{TIMER} written",
        "systemctl daemon-reload",
        f"{START} {TIMER}",
    ]


@pytest.mark.parametrize("keys", [{}, {"schedule": DAILY, "state": "disabled"}])
def test_a_timer_that_nobody_wants_is_stopped_and_disabled_while_its_file_is_there(settled, keys):
    found = settled(front.endpoint(**keys))
    found.enabled.add(TIMER)
    found.states[TIMER] = dict(ACTIVE)
    assert says(found)[:2] == [f"systemctl stop {TIMER}", f"systemctl disable {TIMER}"]


def test_a_timer_that_somebody_has_stopped_is_started_and_told_of(settled):
    found = settled(front.endpoint(schedule=DAILY))
    found.states[TIMER]["ActiveState"] = "inactive"
    (step,) = changes(found)
    assert (step.says, step.tells) == (f"{START} {TIMER}", {"hello": [f"{TIMER} started"]})


def test_no_step_tells_a_secret(fresh):
    told = "".join(f"{step.says}{step.tells}{step.diff}" for step in changes(fresh()))
    assert "/etc/trigger/credentials/hello/job/key" in told
    assert front.SECRET not in told and "of-the-job" not in told


@needs_own_host
def test_the_directories_of_a_user_who_is_not_there_yet_are_told_of():
    def test(host):
        with pytest.raises(KeyError):
            grp.getgrnam("trigger-hello")
        steps = changes(host.found(plan(front.endpoint())))
        (step,) = [step for step in steps if step.says == "/var/spool/trigger/hello made"]
        assert step.diff[0]["after"] == "mode 0770, owner 0:trigger-hello\n"

    on_a_host(test)


def test_a_place_with_other_rights_is_told_of(settled, tmp_path):
    found = settled()
    tmp_path.chmod(0o700)
    found.places = [Place(str(tmp_path), 0o755)]
    assert says(found) == [f"{tmp_path} set to mode 0755, owner 0:0", START]


@pytest.fixture
def mine(settled):
    """The same, for a play that is run by the job of an endpoint which it removes."""

    def make(**options):
        found = settled(on_host=["mine", "other"], own="mine", **options)
        found.enabled.update(MINE.split())
        return found

    return make


MINE = "trigger@mine.socket trigger-dispatch@mine.socket trigger-run@mine.socket"


def test_the_endpoint_whose_job_runs_the_play_is_removed_behind_all_else(mine):
    found = mine(purge=True)
    told = says(found)
    assert told[:3] == [f"systemctl disable {MINE}", "other: removed", "systemctl stop trigger@mine.socket"]
    assert told[-2:] == ["systemctl reset-failed", "mine: it is removed when its run has ended"]
    assert told.index(START) > told.index("other: removed")


@pytest.mark.parametrize("options", [{"purge": True}, {"state": "absent"}])
def test_the_timer_of_an_endpoint_that_goes_behind_its_run_goes_at_once(mine, options):
    found = mine(**options)
    found.enabled.add("trigger-fire@mine.timer")
    told = says(found)
    assert told[:2] == ["systemctl stop trigger-fire@mine.timer", "systemctl disable trigger-fire@mine.timer"]


def test_everything_is_put_off_where_the_play_is_part_of_a_run(mine):
    told = says(mine(state="absent"))
    assert told == [
        f"systemctl disable {MINE}",
        "other: removed",
        "systemctl stop trigger@mine.socket",
        "mine: everything is removed when its run has ended",
    ]


@pytest.mark.parametrize(
    ("pending", "options", "first"),
    [
        (Work("mine", False), {"purge": True}, None),
        (Work("mine", True), {"state": "absent"}, None),
        (Work("mine", False), {"state": "absent"}, "systemctl stop trigger-later.service"),
        (Work("mine", True), {}, "systemctl stop trigger-later.service"),
        (Work("hello", False), {}, "systemctl stop trigger-later.service"),
        (Work("elsewhere", False), {}, None),
    ],
)
def test_what_is_put_off_already_is_called_off_where_the_play_wants_another_thing(
    mine, monkeypatch, pending, options, first
):
    monkeypatch.setattr(trigger_later, "pending", lambda: pending)
    found = mine(**options)
    found.removed = []  # they are gone
    assert says(found)[:1] == ([first] if first else [])


def test_a_server_that_runs_the_play_cannot_make_place(settled):
    found = settled(front.endpoint(handoff=True), own="hello")
    check_own = pytest.raises(Mistake, match="endpoint 'hello': the server behind its socket has to be stopped")
    file_of(found, f"{UNITS}/trigger-run@hello.service.d/endpoint.conf").changed = True
    with check_own:
        check(found)


def test_the_room_that_is_asked_for_is_what_acceptors_leave():
    assert (trigger_preflight.FREE, trigger_preflight.INODES) == (room.FREE, room.INODES)


@pytest.fixture
def of_container(tmp_path):
    """The drop-in for all services of a container that distrobuilder made, which may not nest."""
    path = tmp_path / "system/service.d/zzz-lxc-service.conf"
    path.parent.mkdir(parents=True)
    path.write_text("[Service]\nProcSubset=all\nProtectControlGroups=no\nNoNewPrivileges=no\nLoadCredential=\n")
    return str(path)


def test_what_the_host_undoes_for_all_services_is_repeated_behind_it(fresh, of_container):
    found = fresh(front.endpoint(**SECRET, user="root", service={"NoNewPrivileges": False}), overrides=[of_container])
    repeated = {
        service: file_of(found, f"{UNITS}/{service}.d/zzzz-trigger.conf").content.decode().partition("[Service]\n")[2]
        for service in ("trigger@hello.service", DISPATCHER, "trigger-run@hello.service")
    }
    assert repeated == {
        "trigger@hello.service": (
            "NoNewPrivileges=yes\nLoadCredential=auth:/etc/trigger/credentials/hello/acceptor/auth\n"
        ),
        DISPATCHER: "NoNewPrivileges=yes\n",
        "trigger-run@hello.service": (
            "NoNewPrivileges=yes\nLoadCredential=key:/etc/trigger/credentials/hello/job/key\nNoNewPrivileges=no\n"
        ),
    }
    assert [of_container in warning and "ProtectControlGroups=" in warning for warning in found.warnings] == [True]


def test_the_page_s_secret_is_repeated_as_well(fresh, settled, of_container):
    path = f"{UNITS}/trigger-frontend.service.d/zzzz-trigger.conf"
    found = fresh(front.endpoint(), frontend=front.frontend(), overrides=[of_container])
    assert b"LoadCredential=frontend:/etc/trigger/credentials/.frontend/secret\n" in file_of(found, path).content
    found = settled(front.endpoint(), overrides=[of_container])
    assert [file.path for file in found.files() if file.path == path] == []
    assert changes(found) == []


def test_a_host_that_undoes_nothing_has_no_such_drop_in(fresh):
    found = fresh(front.endpoint(**SECRET))
    assert not any(file.path.endswith("zzzz-trigger.conf") for file in found.files())
    assert found.warnings == []


@pytest.mark.skipif(os.geteuid() != 0, reason="files are to be root's")
def test_what_does_the_rest_has_all_that_it_needs(fresh, monkeypatch, tmp_path):
    """It has left the play's own folder by then. Here it finds nothing to do."""
    started = []
    monkeypatch.setattr(trigger_later, "DIRECTORY", str(tmp_path / "later"))
    monkeypatch.setattr(trigger_later, "_WORK", str(tmp_path / "later/work.json"))
    monkeypatch.setattr(trigger_later, "run", lambda *command: started.append(command))
    monkeypatch.setattr(trigger_later, "reset_failed", lambda units: None)
    trigger_later.put_off(Work("mine", False), fresh().plan).do()
    ((*_, python, isolated, directory),) = started
    done = subprocess.run([python, isolated, directory], cwd="/", capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert front.SECRET not in (tmp_path / "later/work.json").read_text()
    assert (tmp_path / "later").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    ("table", "name"),
    [
        ("0::/system.slice/system-trigger\\x2drun.slice/trigger-run@pull-2.service\n", "pull-2"),
        ("3:cpu:/\n1:name=systemd:/system.slice/trigger-run@pull.service/payload\n0::/\n", "pull"),
        ("0::/system.slice/trigger@pull.service\n", None),
        ("0::/user.slice/trigger-run@pull.service.d\n", None),
        ("0::/\n", None),
    ],
)
def test_a_process_knows_of_whose_job_it_is_part(tmp_path, table, name):
    (tmp_path / "cgroup").write_text(table)
    assert own_job(str(tmp_path / "cgroup")) == name


def test_steps_are_taken_in_order_until_one_fails():
    taken = []
    steps = [
        Step("one", lambda: taken.append("one"), {"a": ["begun"]}),
        Step("two", lambda: taken.append("two") or Outcome({"a": ["took 2 ms"], "b": ["seen"]}, ["slow"])),
    ]
    report = Report()
    apply(steps, report)
    assert taken == ["one", "two"]
    assert (report.done, report.warnings) == ({"a": ["begun", "took 2 ms"], "b": ["seen"]}, ["slow"])
    report = Report()
    with pytest.raises(ZeroDivisionError):
        apply([*steps, Step("fails", lambda: 1 // 0), *steps], report)
    assert taken == ["one", "two"] * 2
    assert report.warnings == ["slow"]  # what is done by then is told
