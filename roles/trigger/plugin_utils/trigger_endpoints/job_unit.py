# Copyright: The trigger authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the directives of a job's unit mean for the role. No I/O."""

from __future__ import annotations

import re

# Of systemd.exec(5): those that systemd reads files for, when it starts a unit.
_CREDENTIALS = ("LoadCredential", "LoadCredentialEncrypted")
_ENVIRONMENT = "EnvironmentFile"
_SPECIFIER = re.compile("%[%i]")
_PATH = re.compile(r"/([^%*?[]|%[%i])*")


def may_be_root(endpoint: dict) -> bool:
    """Whether a job is root or may become so: it may use setuid programs, or was given capabilities."""
    return endpoint["user"] == "root" or not {"NoNewPrivileges", "AmbientCapabilities"}.isdisjoint(endpoint["service"])


def read_files(service: dict, name: str) -> list[str]:
    """The files that systemd reads when it starts the job of the endpoint called name: a runner that stands ready has
    them as they were. What systemd alone could find, by a specifier or a pattern, is left out."""
    sources = [text.partition(":")[2] for key in _CREDENTIALS for text in _texts(service.get(key))]
    sources += [text.lstrip().lstrip("-") for text in _texts(service.get(_ENVIRONMENT))]  # "-": it may be missing
    return [_expand(source, name) for source in map(str.strip, sources) if _PATH.fullmatch(source)]


def _texts(given: object) -> list[str]:
    return [str(text) for text in (given if isinstance(given, list) else [given]) if text is not None]


def _expand(path: str, name: str) -> str:
    return _SPECIFIER.sub(lambda found: {"%%": "%", "%i": name}[found[0]], path)
