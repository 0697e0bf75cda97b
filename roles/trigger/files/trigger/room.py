"""How much of the memory and the disk requests may take before they are accepted. No I/O.

What is accepted is bounded by `queue_limit` and `body_limit`. Before that, a client has proved nothing in most cases: a
signature is right or wrong only with the last byte of its body.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from os import statvfs_result

MEMORY = 16 * 1024 * 1024  # bytes of bodies in memory, past which they go to their files
STRANGERS = 64 * 1024 * 1024  # bytes of files of those who have proved nothing; four bodies at least
FREE = 32 * 1024 * 1024  # bytes and inodes of the spool's disk that are left to runs and their records, or, on a small
INODES = 1000  # one, a twentieth of it


class Room:
    """What the bodies of an acceptor take. body_limit: bytes of one."""

    def __init__(self, body_limit: int = 0) -> None:
        self.strangers_limit = max(STRANGERS, 4 * body_limit)
        self.memory = 0
        self.strangers = 0

    def is_memory_taken(self) -> bool:
        """Whether bodies have to go to their files."""
        return self.memory > MEMORY

    def is_full_of_strangers(self) -> bool:
        """Whether one of those has to give way who have proved nothing."""
        return self.strangers > self.strangers_limit


def lack(path: str, status: "statvfs_result", entries: int = 0, size: int = 0) -> "str | None":
    """Say what a disk has too little of for requests to be accepted, or None. path: what lies on it. status: its
    os.statvfs_result. entries, size: how many are about to be written, and about how many bytes they have together."""
    # Two blocks more for each entry: one because files take whole ones, one for its name, its delivery, and what its
    # size leaves out.
    free = max(0, status.f_bavail * status.f_frsize - size - 2 * entries * status.f_frsize)
    verb = "would be" if entries else "are"
    floor = min(FREE, status.f_blocks * status.f_frsize // 20)
    if free < floor:
        told = free // 1024, verb, path, floor // 1024
        return "%d KiB %s free where %s lies, %d are kept for runs and records" % told
    inodes = max(0, status.f_favail - entries)
    if inodes < min(INODES, status.f_files // 20):
        return "%d inodes %s free where %s lies, too few for runs and records" % (inodes, verb, path)
    return None
