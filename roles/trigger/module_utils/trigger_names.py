# Copyright: The trigger authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Places, units and accounts on a host. Both sides of the role know them: the action plugin and the module. The host's
own programs have theirs in files/trigger/paths.py; a test compares the two."""

from __future__ import annotations

# How files begin that the role writes.
MANAGED = "Written by the Ansible role trigger; a change here is undone by its next run."

UNITS = "/etc/systemd/system"
SYSUSERS = "/etc/sysusers.d"

LIBRARY = "/usr/local/lib/trigger"
JOBS = LIBRARY + "/jobs"
# The programs, one directory for each version of them, and a link to the one that is used.
VERSIONS = LIBRARY + "/versions"
CURRENT = LIBRARY + "/current"
LAUNCHER = LIBRARY + "/launch.py"
COMMAND = "/usr/local/bin/triggerctl"
# What the role makes for its manual and its completion on a host that has nothing there, inner ones first. Debian's
# own is /usr/local/share/man.
SHARE = (
    "/usr/local/share/man/man8",
    "/usr/local/share/bash-completion/completions",
    "/usr/local/share/bash-completion",
)
CONFIGURATION = "/etc/trigger"
CREDENTIALS = CONFIGURATION + "/credentials"
FRONTEND_CREDENTIALS = CREDENTIALS + "/.frontend"
SPOOL = "/var/spool/trigger"
STATE = "/var/lib/trigger"
RUNTIME = "/run/trigger"
# Of all endpoints: who has a lock, and what units for the end of a run are told.
LOCKS = RUNTIME + "/locks"
ENDED = RUNTIME + "/ended"
# What acceptors have for their root directory, and what of the host is bound below it; the last one is where
# LoadCredential= leaves secrets.
ROOT = "/run/trigger-root"
LOADED_CREDENTIALS = "/run/credentials"
ROOT_UNIT = "trigger-root.service"
ROOT_PARTS = ("/usr", "/lib", "/lib64", CONFIGURATION, STATE, SPOOL, LOADED_CREDENTIALS)

NGINX = "/etc/nginx"
# Read after all others, so that an address that several sites share goes on to the one that had it before when a
# request is for none of their names.
SITE = NGINX + "/sites-enabled/zz-trigger.conf"
PROXY_FILES = NGINX + "/trigger"
CERTIFICATE = PROXY_FILES + "/certificate.pem"
KEY = PROXY_FILES + "/key.pem"
CLIENT_CA = PROXY_FILES + "/client-ca.pem"

JOBS_USER = "trigger"
# Without a dash, with which they could be an acceptor's.
METRICS_USER = "triggermetrics"
PAGE_USER = "triggerfrontend"
NGINX_GROUP = "www-data"

NAME = "[a-z][a-z0-9-]{0,22}"  # the pattern of endpoints' names


class Units:
    """The names of an endpoint's units."""

    def __init__(self, name: str) -> None:
        self.socket = f"trigger@{name}.socket"
        self.acceptor = f"trigger@{name}.service"
        self.dispatch_socket = f"trigger-dispatch@{name}.socket"
        self.dispatcher = f"trigger-dispatch@{name}.service"
        self.run_socket = f"trigger-run@{name}.socket"
        self.job = f"trigger-run@{name}.service"

    def services(self) -> list[str]:
        """Those that run something."""
        return [*(unit for unit in self.all() if unit.endswith(".service")), self.fire]

    def all(self) -> list[str]:
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
