"""A run that a release up to 0.2 has begun, and that goes on while the role is upgraded.

Its job is the main process of the unit itself: nobody tells how it ends but systemd. What it was claimed with, and
printed, lies elsewhere and in another form.
"""

import os

from trigger import entry, paths

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from trigger.dispatcher.claims import Claims


def has_claimed(endpoint: paths.Paths) -> bool:
    """Whether what is claimed was claimed so: from then on there is a file for the outcome."""
    return not os.path.lexists(endpoint.claimed + "/.outcome")


def told(claims: "Claims", endpoint: paths.Paths, run_id: str) -> dict:
    """Return who asked for the run, and with which parameters."""
    fd = os.open(endpoint.claimed + "/" + run_id, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        variables, _ = entry.read_variables(fd, os.fstat(fd).st_size)
    except entry.Damaged:
        return {}
    finally:
        os.close(fd)
    return claims.what_is_told(variables)


def output_file(endpoint: paths.Paths) -> str:
    """What it prints."""
    return "%s/%s/output" % (paths.STATE, endpoint.name)


def tidy(endpoint: paths.Paths, say: "Callable[[str], None]") -> None:
    """Remove what it was laid out in. say: a function that writes a line to the journal."""
    try:
        _tidy(endpoint)
    except OSError as error:
        say("<4>what an earlier release has left is not removed: %s" % error)


def _tidy(endpoint: paths.Paths) -> None:
    folder = "%s/requests/%s" % (paths.RUNTIME, endpoint.name)
    for directory, _, names in os.walk(folder, topdown=False):
        for name in names:
            os.unlink(os.path.join(directory, name))
        os.rmdir(directory)
    for path in (output_file(endpoint), "%s/%s.recorded" % (paths.RUNTIME, endpoint.name)):
        if os.path.lexists(path):
            os.unlink(path)
