"""How a command ends."""

OK = 0
FAILED = 1  # also the answer "no": a run that did not succeed, a doctor who found something
USAGE = 2
UNKNOWN = 3  # no such endpoint or request
NOT_ALLOWED = 4
REFUSED = 5  # as a client would have been
NOT_IN_TIME = 6
INTERRUPTED = 130


# What to do where a place of ours is not there.
MOUNT = "mount it where it is a file system of its own, otherwise run the playbook again"


def told(error: OSError) -> str:
    """Say an OSError in words: what could not be opened, and why, without a number."""
    if error.strerror is None:
        return str(error)
    return "%s: %s" % (error.filename, error.strerror) if isinstance(error.filename, str) else error.strerror


class Failure(Exception):
    """A command has not done what it was asked. str(error) is for the person, status the exit status."""

    def __init__(self, message: str, status: int = FAILED) -> None:
        super().__init__(message)
        self.status = status
