"""What the doctor says."""

from __future__ import annotations

from trigger.ctl import errors

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

PROBLEM = "problem"
NOTE = "note"  # somebody has wanted it so
AGAIN = "run the playbook again"


class Finding:
    """endpoint: its name, or None for the host. what: what is wrong, mend: what to do about it."""

    def __init__(self, endpoint: str | None, what: str, mend: str, severity: str = PROBLEM) -> None:
        self.endpoint = endpoint
        self.what = what
        self.mend = mend
        self.severity = severity

    def told(self) -> dict[str, str | None]:
        """For a script."""
        return {"endpoint": self.endpoint, "severity": self.severity, "what": self.what, "mend": self.mend}


def whatever_befalls(findings: Iterable[Finding], endpoint: str | None = None) -> Iterator[Finding]:
    """Yield the Findings of one check; when it comes upon what nobody has thought of, one that says so."""
    try:
        yield from findings
    except errors.Failure as error:
        yield Finding(endpoint, str(error), AGAIN)
    except OSError as error:
        yield Finding(endpoint, errors.told(error), errors.MOUNT)
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        yield Finding(endpoint, "its configuration is not what the role writes (%s)" % type(error).__name__, AGAIN)
