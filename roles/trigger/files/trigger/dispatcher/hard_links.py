"""Many names of one file. Of a run that serves thousands of requests each would else have files of its own, and an
inode is what a file system takes longest to make and to let go."""

import errno
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

# A file has as many names as it may have (link(2); 65,000 on ext4), or on this file system none but its own.
_ONE_MORE = (errno.EMLINK, errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EXDEV)


def name_all(names: "Iterable[str]", directory: int, make: "Callable[[str], None]") -> None:
    """Give a file all names in a directory; what has one of them already loses it. names: without a path. directory: a
    descriptor. make: what makes the file under a name that is free. Raises OSError."""
    first = None
    for name in names:
        try:
            os.unlink(name, dir_fd=directory)  # of a process that was killed before it came to its end
        except FileNotFoundError:
            pass
        if first is None or not _link(first, name, directory):
            make(name)
            first = name


def _link(first: str, name: str, directory: int) -> bool:
    try:
        os.link(first, name, src_dir_fd=directory, dst_dir_fd=directory, follow_symlinks=False)
    except OSError as error:
        if error.errno not in _ONE_MORE:
            raise
        return False
    return True
