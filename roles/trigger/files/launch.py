"""Starts one of trigger's programs: launch.py PROGRAM ENDPOINT, for example launch.py acceptor hello.

The units call this file with `python3 -I -S`: nothing of the environment, of a user's site-packages
or of the working directory can put code into it. So the search path is set here. The programs are
modules of a byte-compiled package; a script given by its path would be compiled at every start.
"""

import os
import sys

# What a unit calls, and the module whose main() it is. Whoever that runs as, and what it may, tells the docstring of
# the module's package.
PROGRAMS = {
    "acceptor": "acceptor.main",
    "dispatcher": "dispatcher.main",
    "runner": "runner.main",
    "fire": "ctl.fire_unit",
    "metrics": "metrics.main",
    "page.server": "page.server",
}
# The same in a job's unit of release 0.2.1 or earlier, whose run may end in the middle of an upgrade.
EARLIER = {"claim": "dispatcher.claim", "record": "dispatcher.record"}

LIBRARY = __file__.rpartition("/")[0]
try:
    # Behind the link, so that a process stays with one version of the programs when the role changes it.
    version = LIBRARY + "/" + os.readlink(LIBRARY + "/current")
except FileNotFoundError:
    version = LIBRARY  # for a moment of an upgrade from release 0.1, which had one version
sys.path.insert(0, version)

module = {**PROGRAMS, **EARLIER}[sys.argv[1]]
if not os.path.isdir(version + "/trigger/acceptor"):
    # In the same moment the programs are those of release 0.2.0 or 0.1, which lay flat, and needed python3-systemd.
    module = sys.argv[1]
    sys.path.append("/usr/lib/python3/dist-packages")
try:
    program = __import__("trigger." + module, fromlist=["main"])
except ModuleNotFoundError as error:
    if not ("trigger." + module + ".").startswith(error.name + "."):
        raise  # it is another module that is missing
    # Its unit is there before it, in the same moment. systemd tries again after a second.
    print("<4>%s: %s comes with an upgrade that is under way, or was cut short" % (sys.argv[2], sys.argv[1]))
    sys.exit(1)
status = program.main(sys.argv[2])
try:
    sys.stdout.flush()
except OSError:
    pass  # a journal that is gone stops nobody
os._exit(status)  # taking the interpreter apart in order would take 1.5 ms, of each of a run's programs
