"""Faults at a chosen step of a process that systemd starts: strace injects them, at the n-th call of a kind."""

import contextlib
import os
import re
import shutil
from pathlib import Path
from typing import NamedTuple

from host import run, wait_until

ORDERS = Path("/run/faults")
UNITS = Path("/etc/systemd/system")
INJECT = "/usr/local/bin/inject"

# Where a process is started: the template unit and its directive.
PROCESSES = {
    "acceptor": ("trigger@.service", "ExecStart"),
    "dispatcher": ("trigger-dispatch@.service", "ExecStart"),
    "runner": ("trigger-run@.service", "ExecStart"),
}

# What changes something that others see. To be killed between two others makes no difference.
CHANGES = re.compile(
    r"accept4|clone3?|v?fork|execve|exit_group|kill|flock|p?write(64)?|ftruncate|fsync|mkdir(at)?|rmdir|rename(at2?)?"
    r"|(sym|un)?link(at)?|send(file|msg|to)|shutdown|connect|utime(s|nsat)"
)


class Step(NamedTuple):
    """A system call on a process's way."""

    call: str  # its name
    nth: int  # of those of this name, from 1
    text: str  # as strace shows it

    @property
    def changes(self):
        if " = -1 " in self.text:
            return False
        return CHANGES.fullmatch(self.call) or (self.call.startswith("open") and "O_CREAT" in self.text)


def install():
    """Have systemd start the programs of all endpoints through `inject`. The pauses after a failure are made shorter,
    to fit in more of them."""
    shutil.copy(Path(__file__).with_name("inject"), INJECT)  # nobody else may enter /root
    ORDERS.mkdir(exist_ok=True)
    ORDERS.chmod(0o777)  # acceptors and jobs have users of their own
    service = {
        # Without its root directory, in which there is no strace.
        "trigger@.service": ["RestartSec=20ms", "RootDirectory=", *_open_for_strace("trigger@.service")],
        "trigger-dispatch@.service": ["RestartSec=20ms", *_open_for_strace("trigger-dispatch@.service")],
        "trigger-run@.service": ["RestartSec=20ms"],
    }
    for process, (unit, directive) in PROCESSES.items():
        service[unit] += _through_inject(process, unit, directive)
    for unit, lines in service.items():
        drop_in = Path("/run/systemd/system", unit + ".d", "faults.conf")
        drop_in.parent.mkdir(parents=True, exist_ok=True)
        drop_in.write_text("\n".join(["[Service]", *lines]) + "\n")
    run("systemctl", "daemon-reload")


def _open_for_strace(unit):
    """With what strace calls at its start."""
    filters = re.findall(r"^SystemCallFilter=.*$", (UNITS / unit).read_text(), re.MULTILINE)
    return ["SystemCallFilter=", *(re.sub(" @debug| @privileged", "", line) for line in filters)]


def _through_inject(process, unit, directive):
    (command,) = re.findall(rf"^{directive}=(.*)$", (UNITS / unit).read_text(), re.MULTILINE)
    prefix, program = re.fullmatch(r"([-+:]*)(.*)", command).groups()
    return [f"{directive}=", f"{directive}={prefix}{INJECT} {process} %i {program}"]


def remove():
    """Leave no trace of install()."""
    for unit in dict(PROCESSES.values()):
        Path("/run/systemd/system", unit + ".d", "faults.conf").unlink()
    run("systemctl", "daemon-reload")


def order(process, name, *options):
    """Have the next start of a process of the endpoint called name go through strace."""
    path = ORDERS / f"{name}.{process}"
    for suffix in ("", ".taken", ".log"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    path.with_name(path.name + ".draft").write_text(" ".join(options))
    os.rename(f"{path}.draft", path)


@contextlib.contextmanager
def standing_order(process, name, *options):
    """Have all starts go through strace meanwhile."""
    path = ORDERS / f"{name}.{process}.standing"
    path.write_text(" ".join(options))
    try:
        yield
    finally:
        path.unlink()


def text(process, name):
    """Return what strace has said so far about that start."""
    path = ORDERS / f"{name}.{process}.log"
    return path.read_text(errors="replace") if path.exists() else ""


def log(process, name):
    """Return strace's lines about that start, when the process has ended."""
    path = ORDERS / f"{name}.{process}.log"
    wait_until(lambda: path.exists() and re.search(r"\+\+\+ .*\n\Z", path.read_text(errors="replace")))
    return path.read_text(errors="replace").splitlines()


def steps(lines):
    """Return the Steps in lines of strace. It comes in while the program is being executed, so it does not count that
    call."""
    found, numbers = [], {"execve": -1}
    for line in lines:
        match = re.match(r"(\w+)\(", line)
        if match:
            call = match.group(1)
            numbers[call] = numbers.get(call, 0) + 1
            found.append(Step(call, numbers[call], line))
    return found[1:]
