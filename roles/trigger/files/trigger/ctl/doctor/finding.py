"""What the doctor says."""

from trigger.ctl import errors

PROBLEM = "problem"
NOTE = "note"  # somebody has wanted it so
AGAIN = "run the playbook again"


class Finding:
    """endpoint: its name, or None for the host. what: what is wrong, mend: what to do about it, str."""

    def __init__(self, endpoint, what, mend, severity=PROBLEM):
        self.endpoint = endpoint
        self.what = what
        self.mend = mend
        self.severity = severity

    def told(self):
        """For a script: dict."""
        return {"endpoint": self.endpoint, "severity": self.severity, "what": self.what, "mend": self.mend}


def whatever_befalls(findings, endpoint=None):
    """Yield the Findings of one check; when it comes upon what nobody has thought of, one that says so."""
    try:
        yield from findings
    except errors.Failure as error:
        yield Finding(endpoint, str(error), AGAIN)
    except OSError as error:
        yield Finding(endpoint, errors.told(error), errors.MOUNT)
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        yield Finding(endpoint, "its configuration is not what the role writes (%s)" % type(error).__name__, AGAIN)
