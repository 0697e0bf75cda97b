"""How a command ends."""

OK = 0
FAILED = 1  # also the answer "no": a run that did not succeed, a doctor who found something
USAGE = 2
UNKNOWN = 3  # no such endpoint or request
NOT_ALLOWED = 4
REFUSED = 5  # as a client would have been
NOT_IN_TIME = 6
INTERRUPTED = 130


class Failure(Exception):
    """A command has not done what it was asked. str(error) is for the person, status the exit status."""

    def __init__(self, message, status=FAILED):
        super().__init__(message)
        self.status = status
