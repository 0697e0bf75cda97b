# Copyright: The trigger authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What argument_specs cannot say of an endpoint: its addresses, its job, its measures, its directives; and what is
wrong between endpoints."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from typing import Any

from . import host, values

NAME = re.compile(host.names.NAME)
ACCOUNT = re.compile(r"[a-z_][a-z0-9_-]{0,31}", re.IGNORECASE)
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
CREDENTIAL = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*", re.ASCII)
UNIT = re.compile(r"[A-Za-z0-9:_.\\@-]+\.[a-z]+", re.ASCII)
DIRECTIVE = re.compile(r"[A-Z][A-Za-z0-9]*", re.ASCII)
MODE = re.compile(r"UMask|\w+Mode", re.ASCII)  # directives whose values are octal

# The least of each time span, in seconds, and whether it may be endless.
SPANS = {
    "timeout": (1e-3, True),
    "kill_after": (1, False),
    "linger": (0, False),
    "job_linger": (0, False),
    "request_timeout": (1e-3, False),
    "replay_window": (0, False),
    "wait": (0, False),
    "keep_for": (1, True),
    "debounce": (0, False),
    "debounce_max": (0, False),
}
SIZES = ("body_limit", "output_limit")

RESPONSE_BODY_LIMIT = 64 * 1024
VARIABLE_LIMIT = host.execution.STRING_LIMIT
HEAD_ROOM = 36 * 1024  # what a request's head can bring into the environment; a field may stand there twice
ENDS_WITH_CR = (
    "its first line ends with CR, so the interpreter would not be found; save it with line ends of Unix (dos2unix)"
)
STACK = re.compile(r"(\d+)([KMGTPE]?)B?(:.*)?", re.ASCII)  # LimitSTACK=; the job gets the first number

# What a request tells its job, or RFC 3875 keeps for that. A variable of such a name would be lost, or taken for the
# request's where that says nothing.
META_VARIABLES = re.compile(
    "|".join((*(name.decode() for name in host.cgi.NAMES), "PATH_TRANSLATED|REMOTE_IDENT|HTTP_.*|TRIGGER_.*"))
)
# What systemd tells the unit's first process, which would take these for its word.
SYSTEMD_VARIABLES = re.compile("INVOCATION_ID|LISTEN_(PID|PIDFDID|FDS|FDNAMES)")

# Directives on which the way of a request rests, and the key that sets them where there is one.
OWNED: dict[str, dict[str, str | None]] = {
    "socket": {
        r"Listen\w+": "listen",
        "BindIPv6Only": "bind_ipv6_only",
        r"Accept|Service|RemoveOnStop|FileDescriptorName|PassFileDescriptorsToExec|(Trigger|Poll)Limit\w+": None,
    },
    "service": {
        "User": "user",
        "Group": "group",
        "RuntimeMaxSec": "timeout",
        "TimeoutStopSec|TimeoutSec": "kill_after",
        "Environment": "environment",
        "WorkingDirectory": "working_directory",
        r"Exec\w+": "job",
        r"Type|Restart\w*|DynamicUser|StandardInput\w*|Sockets|PIDFile|BusName|NotifyAccess|RemainAfterExit"
        r"|TimeoutStartSec|TimeoutStartFailureMode|IgnoreSIGPIPE|RootDirectory\w*|RootImage\w*|GuessMainPID"
        r"|ExitType|PermissionsStartOnly": None,
    },
    "unit": {
        "Description": "description",
        # A start that a condition skips, or that a dependency fails, would be tried without pause.
        r"Condition\w+|Assert\w+|StartLimit\w+|JobTimeout\w+|JobRunningTimeout\w+|RefuseManual\w+|Requires"
        r"|Requisite|BindsTo|PartOf|Conflicts|StopWhenUnneeded|CollectMode|IgnoreOnIsolate"
        r"|OnFailureJobMode": None,
    },
}

# The same where there is a runner: how the job's unit is stopped, how it ends and what it inherits is between runner
# and dispatcher. A server that takes the socket over has neither.
OWNED_WITH_RUNNER: dict[str, dict[str, str | None]] = {
    "service": {
        r"KillMode|KillSignal|FinalKillSignal|SendSIG\w+|SuccessExitStatus|Watchdog\w+|FileDescriptorStore\w+"
        r"|NonBlocking|RuntimeRandomizedExtraSec": None,
    },
    "unit": {"OnFailure": "on_failure", "OnSuccess": "on_success"},
}

# What only the acceptor and the programs around a run heed, with the value that asks for nothing.
ACCEPTORS = {
    "auth": None,
    "allow_from": None,
    "allow_origins": [],
    "parameters": None,
    "only_if": [],
    "body_type": "auto",
    "pass_headers": [],
    "wait": "0",
    "stream": False,
    "exclusive": None,
    "debounce": "0",
    "max_rate": None,
    "schedule": None,
    "on_success": [],
    "on_failure": [],
}


def check(endpoint: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The endpoint with its `addresses`, `seconds`, `bytes`, `rate` and `exec_limit`, and what is wrong with it."""
    listen = [host.own_socket(endpoint["name"])] if endpoint["listen"] is None else endpoint["listen"]
    addresses, wrong_addresses = _addresses(listen)
    seconds, wrong_spans = _seconds(endpoint)
    sizes, wrong_sizes = _sizes(endpoint)
    rate, wrong_rate = _rate(endpoint["max_rate"])
    environment, wrong_environment = _environment(endpoint["environment"])
    room = host.execution.room(_stack(endpoint["service"].get("LimitSTACK")))
    variables = sum(host.execution.space(len(f"{name}={value}".encode())) for name, value in environment.items())
    runs_api = endpoint["runs_api"]
    if runs_api is None:
        runs_api = endpoint["auth"] is not None or all(address.is_local for address in addresses)
    prepared = {
        **endpoint,
        "listen": listen,
        "addresses": addresses,
        "seconds": seconds,
        "bytes": sizes,
        "rate": rate,
        "runs_api": runs_api,
        "environment": environment,
        # how many bytes arguments and variables may take beside the job's own environment
        "exec_limit": room - variables,
    }
    return prepared, [
        *_check_identity(endpoint),
        *wrong_addresses,
        *_check_listen(prepared),
        *_check_job(endpoint["job"]),
        *wrong_spans,
        *wrong_sizes,
        *wrong_rate,
        *_check_measures(endpoint),
        *_check_schedule(endpoint["schedule"]),
        *_check_http(prepared),
        *wrong_environment,
        *_check_surroundings(endpoint),
        *_check_directives(endpoint),
        *_check_execution(endpoint["job"], variables, room),
        *_check_handoff(endpoint),
    ]


def _check_identity(endpoint):
    if not NAME.fullmatch(endpoint["name"]):
        yield f"name: it must match {host.names.NAME}, since units, files and a system user carry it"
    for key in ("user", "group"):
        if endpoint[key] is not None and not ACCOUNT.fullmatch(endpoint[key]):
            yield f"{key}: {endpoint[key]!r} is not a valid name of a {key}"
    description = endpoint["description"] or ""
    if not description.isprintable() or description.endswith("\\"):
        yield "description: it must be one line of text that does not end with a backslash"


def _addresses(listen):
    addresses, wrong = [], []
    for text in listen:
        try:
            addresses.append(values.Address(text))
        except ValueError as error:
            wrong.append(f"listen: {error}")
    return addresses, wrong


def _check_listen(endpoint):
    if not endpoint["listen"]:
        yield "listen: an empty list; leave the key out for a Unix socket, or use state: disabled"
    for one, other in itertools.combinations(endpoint["addresses"], 2):
        if one.overlaps(other, endpoint["bind_ipv6_only"] == "ipv6-only"):
            yield f"listen: {one.text} and {other.text} are the same place"
    exposed = [address.text for address in endpoint["addresses"] if not address.is_local]
    if exposed and endpoint["auth"] is None and not endpoint["allow_unauthenticated"]:
        yield (
            f"listen: everybody who reaches {', '.join(exposed)} could start the job. Say with auth who may, listen on "
            "127.0.0.1, [::1] or a Unix socket, or set allow_unauthenticated: true if that is wanted"
        )


def _check_job(job):
    given = [key for key in ("src", "content", "command") if job[key] is not None]
    if len(given) != 1:
        found = " and ".join(given) or "none of them"
        yield f"job: exactly one of src, content and command is needed, and {found} is given"
    if job["content"] is not None and not job["content"].startswith("#!"):
        yield "job.content: its first line must name the interpreter, for example #!/bin/sh"
    elif job["content"] is not None and names_interpreter_with_cr(job["content"].encode()):
        yield f"job.content: {ENDS_WITH_CR}"
    if job["command"] is not None and not (job["command"] and job["command"][0]):
        yield "job.command: the list must begin with a program"
    for key in ("command", "args"):
        for argument in job[key] or ():
            if "\0" in argument or len(argument.encode()) >= VARIABLE_LIMIT:
                yield f"job.{key}: an argument holds a NUL or is longer than 128 KiB"


def names_interpreter_with_cr(program: bytes) -> bool:
    """Whether the name of a script's interpreter ends a line as on Windows do: the kernel takes that for a part of it.
    Behind an argument it is the interpreter's to know, as perl does."""
    return re.match(rb"#![ \t]*[^ \t\r\n]+\r(\n|$)", program) is not None


def _seconds(endpoint):
    seconds, wrong = {}, []
    for key, (least, endless) in SPANS.items():
        try:
            span = values.parse_span(endpoint[key])
        except ValueError as error:
            wrong.append(f"{key}: {error}")
            continue
        if span < least:
            wrong.append(f"{key}: {endpoint[key]!r} is shorter than {least:g} seconds")
        elif span == float("inf") and not endless:
            wrong.append(f"{key}: it must end")
        seconds[key] = span
    return seconds, wrong


def _sizes(endpoint):
    sizes, wrong = {}, []
    for key in SIZES:
        try:
            sizes[key] = values.parse_size(endpoint[key])
        except ValueError as error:
            wrong.append(f"{key}: {error}")
    return sizes, wrong


def _rate(given):
    try:
        return (values.parse_rate(given) if given else None), []
    except ValueError as error:
        return None, [f"max_rate: {error}"]


def _check_measures(endpoint):
    if endpoint["exclusive"] is not None and not CREDENTIAL.fullmatch(endpoint["exclusive"]):
        yield f"exclusive: {endpoint['exclusive']!r} is not a valid name of a lock; use letters, digits, _, - and ."
    for key in ("on_success", "on_failure"):
        for unit in endpoint[key]:
            if not UNIT.fullmatch(unit) or unit.startswith("-"):
                yield f"{key}: {unit!r} is not a valid name of a unit; write for example mail@.service"
    for key, least in (("queue_limit", 1), ("keep_runs", 0)):
        if endpoint[key] < least:
            yield f"{key}: {endpoint[key]} is less than {least}"


def _check_schedule(schedule):
    """Whether systemd understands the expressions, only the host can say."""
    if schedule is None:
        return
    if not schedule["on_calendar"]:
        yield "schedule.on_calendar: an empty list; leave schedule out for no timer"
    for text in schedule["on_calendar"]:
        if re.fullmatch(r"\d+", text, re.ASCII):  # a number is no time to systemd
            yield (
                f"schedule.on_calendar: {text} is no time; YAML makes that of {_sexagesimal(int(text))}, so put such a "
                "time in quotes"
            )
        elif not text.strip() or not text.isprintable() or text.endswith("\\") or text.startswith("-"):
            yield f"schedule.on_calendar: {text!r} is not a time; write for example daily or 'Mon..Fri 06:30'"
    try:
        if values.parse_span(schedule["randomized_delay"]) == float("inf"):
            yield "schedule.randomized_delay: it must end"
    except ValueError as error:
        yield f"schedule.randomized_delay: {error}"


def _sexagesimal(number):
    """A time of day as it was written of which YAML 1.1 made a number: minutes, or seconds."""
    minutes, seconds = (number, None) if number < 24 * 60 else divmod(number, 60)
    return f"{minutes // 60}:{minutes % 60:02}" + ("" if seconds is None else f":{seconds:02}")


def _check_http(endpoint):
    if not re.fullmatch(r"/[!-~]*", endpoint["path"]) or set("?#") & set(endpoint["path"]):
        yield "path: it must begin with / and hold visible ASCII characters other than ? and #, escaped as in a URL"
    if endpoint["output"] == "cgi" and (endpoint["stream"] or endpoint["seconds"].get("wait") == 0):
        yield "output: cgi makes the answer of what the job prints, so it needs wait, and cannot go with stream"
    if (endpoint["stream"] or endpoint["seconds"].get("wait")) and endpoint["bytes"].get("output_limit") == 0:
        yield "output_limit: with 0 there is no output to answer with; leave out wait and stream, or keep some"
    if (endpoint["stream"] or endpoint["seconds"].get("wait")) and endpoint["keep_runs"] == 0:
        yield "keep_runs: with 0 nobody could tell how a run ended; leave out wait and stream, or keep some"
    if not endpoint["methods"]:
        yield "methods: an empty list; leave the key out for GET and POST"
    response = endpoint["response"]
    if len(response["body"].encode()) > RESPONSE_BODY_LIMIT:
        yield "response.body: it is longer than 64 KiB"
    failed = response["failed_status"]
    if not (200 <= failed <= 299 or 400 <= failed <= 599) or failed in host.http.BODILESS:
        yield (
            f"response.failed_status: {failed} is not a valid status of an answer that brings what the job printed; "
            "use 200 to 299 or 400 to 599, other than 204 and 205"
        )
    if not re.fullmatch(r"[!-~]+/[ -~]*", response["content_type"]):
        yield f"response.content_type: {response['content_type']!r} is not a valid media type"


def _environment(given):
    environment, wrong = {}, []
    for name, value in given.items():
        if not VARIABLE.fullmatch(name):
            wrong.append(f"environment: {name!r} is not a valid name of a variable")
        elif META_VARIABLES.fullmatch(name):
            wrong.append(f"environment: {name} is set from the request")
        elif SYSTEMD_VARIABLES.fullmatch(name):
            wrong.append(f"environment: {name} is set by systemd")
        elif isinstance(value, (bool, dict, list)) or value is None:
            wrong.append(f"environment: {name} {values.no_text(value)}")
        else:
            text = environment[name] = str(value)
            if not text.replace("\n", "").replace("\t", "").isprintable():
                wrong.append(f"environment: {name} holds a control character")
            if len(f"{name}={text}".encode()) >= VARIABLE_LIMIT:
                wrong.append(f"environment: {name} is longer than 128 KiB; give the job a file")
    return environment, wrong


def _check_surroundings(endpoint):
    for name, value in endpoint["credentials"].items():
        if not CREDENTIAL.fullmatch(name):
            yield f"credentials: {name!r} is not a valid name of a credential; use letters, digits, _, - and ."
        elif not isinstance(value, str):
            yield f"credentials: {name} {values.no_text(value)}"
        elif not value:
            yield f"credentials: {name} must be a string that is not empty"
    directory = endpoint["working_directory"]
    if directory is not None and not (directory.startswith("/") and directory.isprintable()):
        yield "working_directory: it must be an absolute path"


def _check_directives(endpoint):
    for section, owned in OWNED.items():
        if not endpoint["handoff"]:
            owned = {**owned, **OWNED_WITH_RUNNER.get(section, {})}
        for key, given in endpoint[section].items():
            owner = [(pattern, instead) for pattern, instead in owned.items() if re.fullmatch(pattern, key)]
            if not DIRECTIVE.fullmatch(key):
                yield f"{section}: {key!r} is not a directive of systemd"
            elif owner:
                instead = f"; use the key {owner[0][1]}" if owner[0][1] else ""
                yield f"{section}: {key}= belongs to the role{instead}"
            for value in given if isinstance(given, list) else [given]:
                if isinstance(value, (dict, list)):
                    yield f"{section}: {key} must be a string, a number, a bool or a list of these"
                elif isinstance(value, str) and (not value.isprintable() or value.endswith("\\")):
                    yield f"{section}: {key} must be one line that does not end with a backslash"
                elif isinstance(value, int) and not isinstance(value, bool) and value > 7 and MODE.fullmatch(key):
                    octal = f"{value:04o}"
                    yield (
                        f'{section}: {key}: put it in quotes, "{octal}" if you wrote {octal}, of which YAML makes '
                        f'{value}, or "{value}" if you wrote {value}'
                    )


def _check_execution(job, variables, limit):
    """Whether environment, of so many bytes, and arguments of a job leave room for what a request brings."""
    room = max(0, limit - HEAD_ROOM)
    words = [*(job["command"] or ()), *job["args"]]
    arguments = sum(host.execution.space(len(word.encode())) for word in words)
    if variables + arguments > room:
        yield (
            f"{'environment' if variables > arguments else 'job.args'}: environment and arguments of the job take "
            f"{variables + arguments} bytes, more than the {room} that the kernel leaves them "
            "(LimitSTACK= of service, divided by 4); give the job a file"
        )


def _stack(given):
    """The stack of a job in bytes, by LimitSTACK= of its unit, as systemd.exec(5) has it. What is no number there is
    left to systemd's own check."""
    text = str(given[-1] if isinstance(given, list) and given else given or "").strip()
    if text.partition(":")[0] == "infinity":
        return float("inf")
    number = STACK.fullmatch(text)
    return int(number[1]) * 1024 ** " KMGTPE".index(number[2] or " ") if number else host.execution.STACK


def _check_handoff(endpoint):
    """Whoever hands the socket on must not believe that the acceptor still guards it."""
    if endpoint["handoff"]:
        for key, off in ACCEPTORS.items():
            if endpoint[key] != off:
                yield f"{key}: with handoff there is no acceptor that could heed it; leave it to the server"


def conflicts(endpoints: list[dict[str, Any]]) -> Iterator[str]:
    """What is wrong between endpoints."""
    for one, other in itertools.combinations(endpoints, 2):
        if one["name"] == other["name"]:
            yield f"endpoint {one['name']!r}: name: two endpoints have it"
            continue
        if "absent" in (one["state"], other["state"]):
            continue
        ipv6_only = "ipv6-only" in (one["bind_ipv6_only"], other["bind_ipv6_only"])
        for mine, theirs in itertools.product(one["addresses"], other["addresses"]):
            if mine.overlaps(theirs, ipv6_only):
                yield (
                    f"endpoint {other['name']!r}: listen: {theirs.text} is taken by endpoint "
                    f"{one['name']!r} with {mine.text}"
                )
