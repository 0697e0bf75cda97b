"""Starts one of trigger's programs: launch.py acceptor|claim|runner|record ENDPOINT, for example.

The units call this file with `python3 -I -S`: nothing of the environment, of a user's site-packages
or of the working directory can put code into it. So the search path is set here. The programs are
modules of a byte-compiled package; a script given by its path would be compiled at every start.
"""

import os
import sys

LIBRARY = __file__.rpartition("/")[0]
# Behind the link, so that a process stays with one version of the programs when the role changes it.
sys.path.insert(0, LIBRARY + "/" + os.readlink(LIBRARY + "/current"))
sys.path.append("/usr/lib/python3/dist-packages")  # python3-systemd

status = __import__("trigger." + sys.argv[1], fromlist=["main"]).main(sys.argv[2])
try:
    sys.stdout.flush()
except OSError:
    pass  # a journal that is gone stops nobody
os._exit(status)  # taking the interpreter apart in order would take 1.5 ms, of each of a run's programs
