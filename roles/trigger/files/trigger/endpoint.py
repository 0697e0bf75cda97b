"""The configuration of one endpoint, as the role wrote it to /etc/trigger/NAME.json."""

from trigger import paths, strict_json

# What files of earlier releases lack, with the values that change nothing. A program may meet such a file for a moment
# during an upgrade, and for good where a play does not name all endpoints of its host.
SINCE_FIRST_RELEASE = {
    "state": "present",
    "frontend": None,
    "handoff": False,
    "debounce": 0.0,
    "debounce_max": 0.0,
    "exclusive": None,
    "body_type": "auto",
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
    "timeout": None,
    "job_linger": 0.0,
    "job_files": [],
    "schedule": None,
    "exec_limit": 2 * 1024 * 1024 - 8 * 1024,  # execution.room() of the kernel's own stack
}
# The same within `response`, which has always been there.
_RESPONSE = {"failed_status": 500}


class Endpoint(paths.Paths):
    """The keys of the file as attributes, beside the endpoint's paths; what they mean stands in the role's
    argument_specs. Times are seconds, sizes bytes."""

    description: str
    state: str
    path: str
    methods: "list[str]"
    response: dict
    frontend: "dict | None"
    handoff: bool
    auth: "list[str]"
    allow_from: "list[str] | None"
    allow_origins: "list[str]"
    replay_window: float
    max_rate: "tuple[int, float] | None"
    body_limit: int
    request_timeout: float
    linger: float
    parameters: "list[dict] | None"
    known_names: "dict[str, list[str]] | None"
    only_if: "list[dict]"
    pass_headers: "list[str]"
    body: str
    body_type: str
    when_busy: str
    queue_limit: int
    debounce: float
    debounce_max: float
    exclusive: "str | None"
    command: list
    exec_limit: int
    job_user: str
    job_files: "list[str]"
    job_linger: float
    timeout: "float | None"
    wait: float
    stream: bool
    output: str
    output_limit: int
    runs_api: bool
    on_success: "list[str]"
    on_failure: "list[str]"
    schedule: "dict | None"
    keep_runs: int
    keep_for: "float | None"
    metrics: bool

    def __init__(self, name: str, settings: dict):
        self.__dict__.update(SINCE_FIRST_RELEASE)
        self.description = name
        self.__dict__.update(settings)
        self.response = {**_RESPONSE, **settings.get("response", {})}
        super().__init__(name)

    def replace(self, **settings) -> "Endpoint":
        """Return another Endpoint with some settings changed."""
        other = object.__new__(Endpoint)
        other.__dict__.update(self.__dict__, **settings)
        return other


def load(name: str, directory: "str | None" = None) -> Endpoint:
    """Read the endpoint called name. Raises OSError and ValueError."""
    with open((directory or paths.CONFIGURATION) + "/" + name + ".json", encoding="utf-8") as file:
        settings = strict_json.decode(file.read())
    if not isinstance(settings, dict):
        raise ValueError("it is not a JSON object")
    return Endpoint(name, settings)
