"""Each process of a request's way is killed at each of its steps, and each of its calls fails once."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import injection
import pytest
from endpoints import ENDPOINTS
from host import journal, property_of, run, wait_until, wait_until_idle, wait_until_served
from oracle import Oracle

KILLED, STOPPED = "+++ killed by SIGKILL", "--- stopped by SIGSTOP"  # strace's words

# How a call fails; all others with EIO. Those of None do not fail, or nothing is meant by it.
ERRORS = {
    **dict.fromkeys(["write", "pwrite64", "open", "openat", "mkdir"], "ENOSPC"),
    **dict.fromkeys(["sendto", "sendmsg"], "ECONNRESET"),
    **dict.fromkeys(["clone", "clone3", "fork", "vfork"], "EAGAIN"),
    "execve": "ENOMEM",
    **dict.fromkeys(["accept4", "exit_group"]),
}


def pytest_generate_tests(metafunc):
    """The short run leaves out `plain`, which takes fewer of the same steps, and errors where no client is answered.
    The long one takes every system call of `rich`, also those that change nothing."""
    if "name" in metafunc.fixturenames:
        is_long = metafunc.config.getoption("--long")
        is_brief = metafunc.function is test_an_error and not is_long
        metafunc.parametrize("name", ["rich", "plain"] if is_long else ["rich"])
        metafunc.parametrize("process", ["acceptor"] if is_brief else injection.PROCESSES)


@pytest.fixture(scope="module", autouse=True)
def injected():
    injection.install()
    yield
    injection.remove()


def steps_of(process, name, every):
    """The steps of a request that nothing happens to."""
    oracle = Oracle("no fault", name, **ENDPOINTS[name])
    wait_until_idle(name)
    injection.order(process, name)
    assert oracle.ask().code == 200
    found = injection.steps(injection.log(process, name))
    oracle.judge()
    return [step for step in found if every or step.changes]


def asks_systemd(step):
    """Whether a dispatcher may ask for the state of a unit so: how often depends on when that changes. Orders go the
    same way."""
    return step.call in ("sendto", "recvfrom", "poll") or "/run/systemd/private" in step.text


def kill(step):
    return f"-e inject={step.call}:signal=SIGKILL:when={step.nth}"


def fail(step):
    return f"-e inject={step.call}:error={ERRORS.get(step.call, 'EIO')}:when={step.nth}"


def befall(oracle, process, options, sign):
    """One request with a fault, and one behind it. sign: what strace says when it has struck. Returns what the first
    client was told, and whether it has struck."""
    wait_until_idle(oracle.name)  # what still is there would need no start
    injection.order(process, oracle.name, options)
    told = oracle.ask()
    injection.log(process, oracle.name)
    assert oracle.ask().code == 200
    wait_until_served(oracle.name)
    struck = any(sign in line for line in injection.log(process, oracle.name))
    oracle.faults += struck
    print(options, told.code, struck, oracle.judge())
    return told, struck


def test_a_kill(name, process, is_long):
    oracle = Oracle(f"kill of {process}", name, **ENDPOINTS[name])
    steps = steps_of(process, name, every=is_long and name == "rich")
    missed = [step for step in steps if not befall(oracle, process, kill(step), KILLED)[1]]
    missed = [step for step in missed if not asks_systemd(step)]
    # Of calls that change nothing, the one or other does not come each time.
    assert not any(step.changes for step in missed)
    assert len(missed) < len(steps) / 50


@pytest.mark.parametrize(("process", "call"), [("acceptor", "accept4"), ("dispatcher", "flock"), ("runner", "accept4")])
def test_a_kill_at_every_start(process, call):
    """Nothing gives up: when the fault is gone, all that waits is served."""
    oracle = Oracle(f"lasting kill of {process}", "plain", **ENDPOINTS["plain"])
    unit, _ = injection.PROCESSES[process]
    since = time.time()
    options = f"-e inject={call}:signal=SIGKILL"
    with ThreadPoolExecutor() as clients, injection.standing_order(process, "plain", options):
        for _ in range(3):
            clients.submit(oracle.ask)
        wait_until(lambda: journal(unit.replace("@", "@plain"), since).count("status=9/KILL") >= 3)
        oracle.faults += 1
    assert [client.code for client in oracle.told] == [200] * 3
    assert oracle.ask().code == 200
    oracle.judge()


def test_an_error(name, process):
    """A client of an acceptor that cannot do something is told 503 or nothing, unless its request is on the disk."""
    oracle = Oracle(f"error in {process}", name, **ENDPOINTS[name])
    for step in steps_of(process, name, every=False):
        if ERRORS.get(step.call, "EIO"):
            told, struck = befall(oracle, process, fail(step), "(INJECTED)")
            assert struck or asks_systemd(step)
            assert told.code in (200, 503, None)


@pytest.mark.parametrize("delay", [10_000, 100_000, 300_000, 1_000_000])
def test_a_flush_that_fails_late(delay):
    """The name of an entry cannot be flushed, and when that shows, its run may have begun, or ended: then its client
    is told nothing, because neither answer would be true."""
    oracle = Oracle("late error in acceptor", "plain", **ENDPOINTS["plain"])
    last = max(step.nth for step in steps_of("acceptor", "plain", every=False) if step.call == "fsync")
    options = f"-e inject=fsync:error=EIO:delay_enter={delay}:when={last}"
    told, struck = befall(oracle, "acceptor", options, "(INJECTED)")
    assert struck
    assert told.code is None


@pytest.mark.parametrize("step", ["connect", "sendmsg", "fdatasync", "rename", "unlinkat"])
def test_a_kill_of_dispatcher_and_runner(step):
    """Both at once: nobody is left who knows of the run."""
    oracle = Oracle("kill of dispatcher and runner", "plain", **ENDPOINTS["plain"])
    wait_until_idle("plain")
    injection.order("dispatcher", "plain", f"-e inject={step}:signal=SIGSTOP:when=1")
    asked = oracle.ask()
    wait_until(lambda: STOPPED in injection.text("dispatcher", "plain"))
    run("systemctl", "kill", "--signal=KILL", "trigger-run@plain.service", "trigger-dispatch@plain.service")
    oracle.faults += 1
    assert asked.code == 200
    assert oracle.ask().code == 200
    wait_until_served("plain")
    print(step, oracle.judge())


@pytest.mark.parametrize("verb", ["stop", "kill"])
def test_a_dispatcher_that_leaves_when_a_run_is_about_to_begin(verb):
    """Its runner has not said yet that it begins: it is run once, whoever is there to hear it."""
    oracle = Oracle(f"{verb} of dispatcher", "rich", **ENDPOINTS["rich"])
    wait_until_idle("rich")
    injection.order("runner", "rich", "-e inject=sendmsg:signal=SIGSTOP:when=2")  # behind the greeting
    assert oracle.ask().code == 200
    wait_until(lambda: STOPPED in injection.text("runner", "rich"))
    dispatcher = property_of("trigger-dispatch@rich.service", "MainPID")
    options = ["--no-block"] if verb == "stop" else ["--signal=KILL"]
    run("systemctl", verb, *options, "trigger-dispatch@rich.service")
    oracle.faults += 1
    wait_until(lambda: property_of("trigger-dispatch@rich.service", "MainPID") != dispatcher or verb == "stop")
    run("systemctl", "kill", "--signal=CONT", "trigger-run@rich.service")
    assert oracle.ask().code == 200
    wait_until_served("rich")
    assert oracle.judge()["ran"] in (1, 2)  # one run may serve both


def test_what_has_not_begun_is_given_back_whoever_has_heard_of_it():
    """The program is not there, the runner leaves, systemd starts the next one, and then the dispatcher is killed."""
    oracle = Oracle("kill of dispatcher", "plain", **ENDPOINTS["plain"])
    job = Path("/usr/local/lib/trigger/jobs/plain")
    wait_until_idle("plain")
    injection.order("dispatcher", "plain", "-e inject=sendmsg:signal=SIGSTOP:when=1")
    job.rename(job.with_name("away"))
    try:
        assert oracle.ask().code == 200
        wait_until(lambda: STOPPED in injection.text("dispatcher", "plain"))
        wait_until(lambda: property_of("trigger-run@plain.service", "NRestarts") != "0")
        run("systemctl", "kill", "--signal=KILL", "trigger-dispatch@plain.service")
        oracle.faults += 1
    finally:
        job.with_name("away").rename(job)
    assert oracle.ask().code == 200
    assert oracle.judge()["succeeded"] == 2


def test_who_is_answered_is_on_the_disk():
    """A power cut cannot be tried on the kernel's memory, so the order of the calls has to do."""
    calls = [step.call for step in steps_of("acceptor", "plain", every=False)]
    begun = next(index for index, call in enumerate(calls) if call.startswith("rename"))
    answered = calls.index("sendto")
    assert calls[:begun].count("fsync") == 1  # the entry
    assert calls[begun:answered].count("fsync") == 1  # its name
