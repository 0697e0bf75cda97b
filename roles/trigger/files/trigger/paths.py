"""Where things are on a host, and what the units of an endpoint are called. No I/O.

The role, which puts them there, knows the same places (module_utils/trigger_names); a test compares the two.
"""

CONFIGURATION = "/etc/trigger"
CREDENTIALS = CONFIGURATION + "/credentials"
FRONTEND_CREDENTIALS = CREDENTIALS + "/.frontend"
UNITS = "/etc/systemd/system"
SPOOL = "/var/spool/trigger"
STATE = "/var/lib/trigger"
RUNTIME = "/run/trigger"
LIBRARY = "/usr/local/lib/trigger"
JOBS = LIBRARY + "/jobs"
ROOT = "/run/trigger-root"  # the root directory of acceptors
METRICS_FIFO = SPOOL + "/.metrics"  # where systemd listens for somebody who has counted

ROOT_UNIT = "trigger-root.service"  # lays ROOT out
PAGE_SOCKET = "trigger-frontend.socket"
PAGE_SERVICE = "trigger-frontend.service"
METRICS_SOCKET = "trigger-metrics.socket"
METRICS_SERVICE = "trigger-metrics.service"

NGINX = "/etc/nginx"
SITE = NGINX + "/sites-enabled/zz-trigger.conf"
PROXY_FILES = NGINX + "/trigger"

NAME = "[a-z][a-z0-9-]{0,22}"  # the pattern of endpoints' names


class Paths:
    """The files and directories of an endpoint. `name`, `user` (the acceptor's) and all paths are str."""

    def __init__(self, name: str):
        self.name = name
        self.user = "trigger-" + name
        self.configuration = CONFIGURATION + "/" + name + ".json"
        self.socket_path = RUNTIME + "/" + name + ".sock"
        self.wake_fifo = RUNTIME + "/" + name + ".wake"
        self.run_socket_path = RUNTIME + "/" + name + ".run"
        self.pause_mark = RUNTIME + "/" + name + ".paused"
        self.cannot_start = RUNTIME + "/" + name + ".cannot-start"  # while that holds, with the reason in it
        self.hops = RUNTIME + "/" + name + ".hops"  # through whom it is about to be fired
        self.timer = UNITS + "/" + Units(name).timer
        self.spool = SPOOL + "/" + name
        self.deliveries = self.spool + "/.deliveries"
        self.rate = self.spool + "/.rate"
        self.request_counts = self.spool + "/.counts"
        self.run_counts = STATE + "/" + name + "/counts"
        self.claimed = STATE + "/" + name + "/claimed"
        self.runs = STATE + "/" + name + "/runs"
        self.output_file = self.claimed + "/.output"  # of the present run

    @property
    def served(self) -> str:
        """Beside the runs: links of the requests that a run served together with another (records)."""
        return self.runs.rpartition("/")[0] + "/served"


class Units:
    """The names of an endpoint's units."""

    def __init__(self, name: str):
        self.socket = "trigger@%s.socket" % name
        self.acceptor = "trigger@%s.service" % name
        self.dispatch_socket = "trigger-dispatch@%s.socket" % name
        self.dispatcher = "trigger-dispatch@%s.service" % name
        self.run_socket = "trigger-run@%s.socket" % name
        self.job = "trigger-run@%s.service" % name

    def all(self) -> "list[str]":
        """All that each endpoint has."""
        return list(vars(self).values())

    @property
    def fire(self) -> str:
        """What fires the endpoint, for others to start."""
        return self.job.replace("trigger-run@", "trigger-fire@")

    @property
    def timer(self) -> str:
        """What starts that by the calendar; only an endpoint with a `schedule` has it."""
        return self.fire.replace(".service", ".timer")
