# Copyright: The trigger authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the role and a host have in common: those parts of the host's own programs that the role needs, too, and names.
A rule for values stands in one place."""

from __future__ import annotations

import sys
from pathlib import Path

ROLE = Path(__file__).resolve().parents[2]
PLACES = [str(ROLE / "files"), str(ROLE / "module_utils")]

sys.path[:0] = PLACES
try:
    import trigger_names as names
    from trigger import (  # noqa: F401
        cgi,
        execution,
        http,
        parameters,
        paths,
        proxy_headers,
        sources,
        strict_json,
        timespan,
    )
finally:
    del sys.path[: len(PLACES)]


def own_socket(name: str) -> str:
    """The Unix socket of an endpoint, where it listens unless it is told otherwise."""
    return f"{names.RUNTIME}/{name}.sock"
