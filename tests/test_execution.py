"""What cannot be executed is refused, with the name of what is too long: by the acceptor, by `triggerctl fire`, and
before a run. The kernel of this machine has the last word on what can be executed."""

import contextlib
import errno
import json
import os
import re
import resource
import socket
import subprocess

import front
import pytest
import role
from message import message, parse

import trigger_endpoints
from trigger import admission, entry, execution, http, parameters
from trigger.acceptor.handler import Handler
from trigger.acceptor.loop import Loop
from trigger.ctl.fire_request import make
from trigger.dispatcher import claims
from trigger.sources import Sources
from trigger.spool import Spool

KIB = 1024
REQUEST = "019f0000-0000-7000-8000-000000000000"
PROGRAM = "/bin/true"
# What systemd tells a job beside, and more of it than there is.
SYSTEMDS = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin",
    "INVOCATION_ID": "0" * 32,
    "OTHERS": "x" * 2000,
}


def executes(command, variables, stack=None):
    """Whether the kernel executes a job. stack: LimitSTACK= of its unit, in bytes."""
    environment = {**SYSTEMDS, **{name.decode(): os.fsdecode(value) for name, value in dict(variables).items()}}
    limits = (stack or execution.STACK, resource.getrlimit(resource.RLIMIT_STACK)[1])
    try:
        subprocess.run(
            [PROGRAM, *command[1:]],
            env=environment,
            check=True,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_STACK, limits),
        )
    except OSError as error:
        if error.errno != errno.E2BIG:
            raise
        return False
    return True


def settings(*names, args=(), **keys):
    declared = [{"name": name, "required": True, "max_length": 32 * KIB} for name in names]
    return role.endpoint(parameters=declared, job={"command": [PROGRAM], "args": list(args)}, **keys)


def wrong(endpoint, values, variables=()):
    """What is said of it: dict, empty where all is well."""
    try:
        execution.check(endpoint.command, endpoint.exec_limit, values, variables)
    except parameters.Invalid as invalid:
        return dict(invalid.errors)
    return {}


def both(endpoint, values, variables=(), stack=None):
    """Whether a request is taken, and whether its job can be executed."""
    told = {**dict(variables), **dict(parameters.variables(values))}
    return not wrong(endpoint, values, variables), executes(parameters.expand(endpoint.command, values), told, stack)


@pytest.mark.parametrize(("length", "can"), [(131070, True), (131071, True), (131072, False), (131073, False)])
def test_one_argument(length, can):
    endpoint = settings("a", args=["{a}" * 5 + "x" * (length - 5 * 20 * KIB)])
    assert both(endpoint, {"a": "v" * 20 * KIB}) == (can, can)


@pytest.mark.parametrize(("length", "can"), [(131071, True), (131072, False)])
def test_an_argument_is_measured_in_bytes(length, can):
    """Not in characters, of which there are half as many here, or a quarter."""
    endpoint = settings("a", "b", args=["{a}{a}{a}{b}"])
    rest = length - 3 * 10 * KIB * 2
    values = {"a": "ü" * 10 * KIB, "b": "𝄞" * (rest // 4) + "x" * (rest % 4)}
    assert both(endpoint, values) == (can, can)


@pytest.mark.parametrize(("length", "can"), [(131071, True), (131072, False)])
def test_one_variable(length, can):
    """The name and the sign count."""
    variable = (b"QUERY_STRING", b"x" * (length - len("QUERY_STRING=")))
    assert both(settings("a"), {"a": ""}, [variable]) == (can, can)
    endpoint = settings("a")
    assert both(endpoint, {"a": "x" * (length - len("TRIGGER_PARAM_A="))}) == (can, can)


def test_the_names_of_what_is_too_long_are_told():
    endpoint = settings("a", "b", "c", args=["{a}{a}{a}{a}{b}", "{c}"])
    found = wrong(endpoint, {"a": "x" * 32 * KIB, "b": "y", "c": "z"})
    assert found.keys() == {"a", "b"}
    assert all("131071 bytes" in text for text in found.values())
    assert "c" in wrong(endpoint, {"a": "x", "b": "y", "c": "z" * 140000})
    assert wrong(endpoint, dict.fromkeys("abc", ""), {b"HTTP_X_A": b"x" * 131072}).keys() == {"HTTP_X_A"}


@pytest.mark.parametrize(
    ("limit", "stack"),
    [
        (None, None),
        ("256K", 256 * KIB),
        ("512K", 512 * KIB),
        ("1M", KIB * KIB),
        ("4M:8M", 4 * KIB * KIB),
        ("64M", 64 << 20),
    ],
)
def test_all_of_them_together(limit, stack):
    """What is taken can be executed, and little is refused that could be."""
    service = {"LimitSTACK": limit} if limit else {}
    value = {"a": "x" * 8 * KIB}
    least = execution.room(stack or execution.STACK) // (8 * KIB)
    counts = range(least - 4, least + 6)
    taken = {}
    for count in counts:
        endpoint = settings("a", args=["{a}"] * count, service=service)
        taken[count] = both(endpoint, value, stack=stack)
        if not taken[count][0]:
            assert wrong(endpoint, value).keys() == {"a"}
    assert all(executed for is_taken, executed in taken.values() if is_taken)
    assert taken[counts[0]] == (True, True)
    assert taken[counts[-1]] == (False, False)
    assert sum(executed for _, executed in taken.values()) - sum(is_taken for is_taken, _ in taken.values()) <= 2


def test_a_job_has_the_stack_that_is_counted_on_whatever_the_manager_gives_others():
    """DefaultLimitSTACK= of systemd-system.conf(5) may be less."""
    template = front.make_renderer(False).render("etc/systemd/system/trigger-run@.service").decode()
    (limit,) = re.findall("^LimitSTACK=(.*)$", template, re.MULTILINE)
    assert settings("a", service={"LimitSTACK": limit}).exec_limit == settings("a").exec_limit


def test_of_a_small_stack_the_program_keeps_half():
    endpoint = settings("a", args=["{a}"] * 5, service={"LimitSTACK": "128K"})
    assert both(endpoint, {"a": "x" * 9 * KIB}, stack=128 * KIB) == (True, True)
    assert wrong(endpoint, {"a": "x" * 10 * KIB}).keys() == {"a"}


def test_many_short_arguments_count_with_their_pointers():
    """150,000 of them, of eight bytes each, are 1.3 MB, and 2.5 with their pointers."""
    endpoint = settings("a", args=["{a}"] * 150000)
    assert both(endpoint, {"a": "x" * 8}) == (False, False)


def test_what_the_job_has_in_its_environment_anyway_counts():
    environment = {f"BIG{number}": "x" * 100 * KIB for number in range(19)}
    endpoint = settings("a", args=["{a}"] * 4, environment=environment)
    variables = {name.encode(): value.encode() for name, value in environment.items()}
    value = {"a": "x" * 32 * KIB}
    assert wrong(endpoint, value).keys() == {"a"}
    assert not executes(parameters.expand(endpoint.command, value), {**variables, **dict(parameters.variables(value))})


def refusal(call):
    with pytest.raises(http.Refusal) as caught:
        call()
    return caught.value.status, dict(caught.value.errors)


def test_the_acceptor_and_fire_refuse_it_alike():
    endpoint = settings("a", args=["{a}{a}{a}{a}{a}"])
    request, body = parse(message([("Content-Type", "application/x-www-form-urlencoded")], b"a=" + b"x" * 32 * KIB))
    values, _ = admission.check_values(endpoint, Sources(request, lambda: body))
    by_network = refusal(lambda: admission.check_execution(endpoint, values, []))
    assert by_network == refusal(lambda: make(endpoint, [("a", "x" * 32 * KIB)], b""))
    assert by_network[0] == 400 and by_network[1].keys() == {"a"}


def test_a_client_is_told_and_nothing_is_spooled(tmp_path):
    endpoint = settings("a", args=["{a}{a}{a}{a}{a}"], methods=["POST"])
    endpoint.linger = 0
    for name in ("spool", "claimed", "runs"):
        (tmp_path / name).mkdir()
        setattr(endpoint, name, f"{tmp_path}/{name}")
    with socket.socket() as listener, socket.socket() as client:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        listener.setblocking(False)
        client.settimeout(30)
        client.connect(listener.getsockname())
        fields = [("Content-Type", "application/x-www-form-urlencoded"), ("Accept", "application/json")]
        client.sendall(message(fields, b"a=" + b"x" * 32 * KIB))
        client.shutdown(socket.SHUT_WR)
        handler = Handler(endpoint, Spool(endpoint.spool, endpoint.claimed), None)
        assert Loop(endpoint, [listener], handler).serve() == 0
        head, _, body = b"".join(iter(lambda: client.recv(65536), b"")).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    (error,) = json.loads(body)["errors"]
    assert error["parameter"] == "a" and "131071 bytes" in error["detail"]
    assert os.listdir(endpoint.spool) == []


def claim(directory, endpoint, variables):
    """Let root claim an entry that an acceptor has made. Returns why it was set aside, str, or None."""
    endpoint.user = "root"
    for name in ("spool", "claimed"):
        (directory / name).mkdir()
        setattr(endpoint, name, f"{directory}/{name}")
    told = {"TRIGGER_REQUEST_ID": REQUEST, **variables}
    block = entry.encode([(name.encode(), value.encode()) for name, value in told.items()])
    (directory / "spool" / REQUEST).write_bytes(block)
    with contextlib.closing(claims.Claims(endpoint)) as claimed:
        claim, damaged, _ = claimed.take([REQUEST], "")
        assert claimed.ids() == ([] if damaged else [REQUEST])
    if claim:
        os.close(claim.stdin)
    return damaged[0][2] if damaged else None


@pytest.mark.parametrize(
    ("variables", "culprit"),
    [
        ({"TRIGGER_PARAM_A": "x" * 26 * KIB}, "a"),
        ({"TRIGGER_PARAM_A": "x", "QUERY_STRING": "x" * 131072}, "QUERY_STRING"),
        ({"TRIGGER_PARAM_A": "x", "CONTENT_TYPE": "x" * 131072}, "CONTENT_TYPE"),
        ({"TRIGGER_PARAM_A": "x" * 20 * KIB, "QUERY_STRING": "x" * 100 * KIB}, None),
    ],
)
def test_an_acceptor_that_was_taken_over_has_it_run_no_more_than_another(tmp_path, monkeypatch, variables, culprit):
    monkeypatch.setenv("INVOCATION_ID", "0" * 32)
    reason = claim(tmp_path, settings("a", args=["{a}" * 5]), variables)
    assert reason is None if culprit is None else f"its {culprit} " in reason.replace("parameter ", "")


def test_fire_keeps_the_limit_of_a_request_s_head():
    """Without parameters, what is typed stands in the query; percent signs make it three times as long."""
    assert refusal(lambda: make(role.endpoint(), [("a", "ü" * 8000)], b""))[0] == 414


def mistakes(**keys):
    with pytest.raises(trigger_endpoints.Mistakes) as caught:
        role.prepare(**keys)
    return caught.value.messages


def test_the_role_refuses_an_endpoint_that_could_never_run():
    big = {f"BIG{number}": "x" * 120 * KIB for number in range(20)}
    (found,) = mistakes(environment=big)
    assert found.startswith("endpoint 'a': environment: ")
    (found,) = mistakes(environment={"BIG": "x" * 90 * KIB}, service={"LimitSTACK": "256K"})
    assert found.startswith("endpoint 'a': environment: ") and "LimitSTACK" in found
    (found,) = mistakes(job={"command": [PROGRAM], "args": ["x" * 100 * KIB] * 30})
    assert found.startswith("endpoint 'a': job.args: ")
    declared = [{"name": "p", "default": "x" * 30 * KIB, "max_length": 32 * KIB}]
    (found,) = mistakes(parameters=declared, job={"command": [PROGRAM], "args": ["{p}" * 5]})
    assert found.startswith("endpoint 'a': job.args: {p} ")
