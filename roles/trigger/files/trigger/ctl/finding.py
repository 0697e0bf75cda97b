"""What the doctor says."""

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
