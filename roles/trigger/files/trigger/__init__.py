"""What the role runs on a host. A folder is one process and one trust; its own docstring says who that is, what it
reads and writes, and whom it believes. The programs, as launch.py and triggerctl start them:

acceptor     trigger-NAME, which meets the network: reads, checks, spools and answers requests
dispatcher   root, without capabilities: takes entries out of the spool, hands them to the runner, records how it ended
runner       the job's user: runs one job
fire         root, without capabilities: `ctl.fire_unit`, a request by the calendar or for another unit of the host
metrics      root, in a sandbox: writes what acceptors and runs have counted
page.server  triggerfrontend, which meets browsers behind nginx: draws the pages, reads how runs went
ctl.main     root, a person: triggerctl

What lies beside the folders is shared: formats and rules, no process and no privilege. `paths` says where things are,
`entry` is the form of a request on disk, `endpoint` the configuration that all of them read; the other modules say
themselves what they are. A folder imports these and itself (ctl also dispatcher), and nothing here imports a folder.
"""

VERSION = "0.3.0"  # of the release, also in galaxy.yml
