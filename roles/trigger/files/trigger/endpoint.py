"""The configuration of one endpoint, as the role wrote it to /etc/trigger/NAME.json."""

from trigger import strict_json

DIRECTORY = "/etc/trigger"
SPOOL = "/var/spool/trigger"
STATE = "/var/lib/trigger"
RUNTIME = "/run/trigger"

# What files of earlier releases lack, with the values that change nothing. A program may meet such a file for a moment
# during an upgrade, and for good where a play does not name all endpoints of its host.
SINCE_FIRST_RELEASE = {
    "frontend": None,
    "handoff": False,
    "debounce": 0.0,
    "debounce_max": 0.0,
    "exclusive": None,
    "max_rate": None,
    "wait": 0.0,
    "stream": False,
    "output": "plain",
    "output_limit": 0,
    "runs_api": False,
    "on_success": [],
    "on_failure": [],
    "metrics": False,
    "keep_for": None,
    "exec_limit": 2 * 1024 * 1024 - 8 * 1024,  # execution.room() of the kernel's own stack
}
# The same within `response`, which has always been there.
_RESPONSE = {"failed_status": 500}


class Endpoint:
    """The keys of the file as attributes; what they mean stands in the role's argument_specs.

    Times are seconds (float), sizes bytes (int). `name`, and the paths below it, come from the
    instance's name.
    """

    def __init__(self, name, settings):
        self.__dict__.update(SINCE_FIRST_RELEASE)
        self.description = name
        self.__dict__.update(settings)
        self.response = {**_RESPONSE, **settings.get("response", {})}
        self.name = name
        self.user = "trigger-" + name  # the acceptor's
        self.socket_path = RUNTIME + "/" + name + ".sock"
        self.spool = SPOOL + "/" + name
        self.deliveries = self.spool + "/.deliveries"
        self.rate = self.spool + "/.rate"
        self.request_counts = self.spool + "/.counts"
        self.run_counts = STATE + "/" + name + "/counts"
        self.claimed = STATE + "/" + name + "/claimed"
        self.runs = STATE + "/" + name + "/runs"
        self.output_file = STATE + "/" + name + "/output"  # of the present run

    @property
    def served(self):
        """Beside the runs: links of the requests that a run served together with another (history)."""
        return self.runs.rpartition("/")[0] + "/served"

    def replace(self, **settings):
        """Return another Endpoint with some settings changed."""
        other = object.__new__(Endpoint)
        other.__dict__.update(self.__dict__, **settings)
        return other


def load(name, directory=DIRECTORY):
    """Return the Endpoint called name. Raises OSError and ValueError."""
    with open(directory + "/" + name + ".json", encoding="utf-8") as file:
        settings = strict_json.decode(file.read())
    if not isinstance(settings, dict):
        raise ValueError("it is not a JSON object")
    return Endpoint(name, settings)
