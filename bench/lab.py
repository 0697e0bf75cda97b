"""The containers in which is measured, and the commands that do it."""

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CONTAINER = ROOT / "molecule/shared/container"
PODMAN = ROOT / "molecule/shared/podman"
CACHE = ROOT / ".cache/bench"
LOG = CACHE / "log"
STARTED = time.monotonic()


def say(text):
    print(f"==> {time.monotonic() - STARTED:4.0f} s  {text}", file=sys.stderr, flush=True)


def run(*command, quiet=True, **options):
    """Run a command; what it says goes to the log. Ends the program with what it said if it fails."""
    with LOG.open("a") as log:
        print("\n$", *command, file=log, flush=True)
        start = log.tell()
        output = {"stdout": log, "stderr": log} if quiet else {"stdout": subprocess.PIPE}
        done = subprocess.run(
            [str(part) for part in command], **{**output, **options}, cwd=ROOT, check=False, timeout=1800
        )
    if done.returncode:
        with LOG.open() as log:
            log.seek(start)
            sys.exit(f"{log.read()}\nfailed: {command} (the whole of it: {LOG})")
    return done.stdout


def boot(name, suite):
    remove(name)
    run(CONTAINER, "boot", name, suite)


def remove(name):
    run(CONTAINER, "remove", name)


def playbook(name, hosts, **variables):
    """Run a playbook of bench/ over the connection that the Molecule scenarios use. Returns the seconds it took."""
    ssh = ROOT / ".cache/lab/ssh_config"
    connection = ["--inventory", ",".join(hosts) + ",", "--user", "root", f"--ssh-common-args=-F {ssh}"]
    variables["ansible_python_interpreter"] = "/usr/bin/python3"
    began = time.monotonic()
    run("ansible-playbook", *connection, f"bench/{name}", "--extra-vars", json.dumps(variables))
    return time.monotonic() - began


def in_container(name, program, *arguments):
    """Run a Python program of bench/host; it prints JSON, and what it does goes to the terminal."""
    command = [PODMAN, "exec", name, "python3", f"/opt/bench/{program}", *map(str, arguments)]
    return json.loads(run(*command, quiet=False))


def install_programs(name):
    """What lies in bench/host, with the C programs compiled: here or, without a compiler here, in the container."""
    programs = [(ROOT / f"bench/host/{program}.c", program) for program in ("floor", "stamp", "durable")]
    binaries = CACHE / "programs/bin"
    shutil.rmtree(binaries, ignore_errors=True)
    binaries.mkdir(parents=True)
    gcc = ["gcc", "-static", "-O2", "-Wall", "-o"]
    if shutil.which("gcc"):
        for source, program in programs:
            run(*gcc, binaries / program, source)
    run(CONTAINER, "copy", name, "/opt/bench", "bench/host", CACHE / "programs")
    if not shutil.which("gcc"):
        say("there is no gcc on this machine: installing one in the container")
        run(PODMAN, "exec", name, "sh", "-c", "apt-get -qq update && apt-get -qq install gcc libc6-dev")
        for source, program in programs:
            run(PODMAN, "exec", name, *gcc, f"/opt/bench/bin/{program}", f"/opt/bench/{source.name}")
