# Copyright: The trigger authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How many inotify instances root may have on this machine; each endpoint's path unit takes one."""

from __future__ import annotations

import re

from .trigger_files import File, Place
from .trigger_names import SYSCTL
from .trigger_steps import Step, write

LIMIT = "/proc/sys/fs/inotify/max_user_instances"
RESERVE = 64  # instances left to others
_KEY = "fs.inotify.max_user_instances"
_WRITTEN = re.compile(rf"^# It was (\d+) before\.\n{re.escape(_KEY)} = (\d+)$", re.MULTILINE)


class InotifyLimit:
    """The machine's limit, and the file by which it is raised at a boot. endpoints: int, of the host."""

    def __init__(self, endpoints, sysctl=SYSCTL, limit=LIMIT):
        self._limit = limit
        self._sysctl = sysctl
        with open(limit) as file:
            self.present = int(file.read())
        written = _WRITTEN.search((File(sysctl, None).before or b"").decode("utf-8", "replace"))
        self._earlier, self._raised = (int(written[1]), int(written[2])) if written else (None, None)
        self._is_needed = endpoints > 0
        needed = endpoints + RESERVE
        self.wanted = None if not endpoints or self.present >= needed else max(512, 1 << (2 * needed - 1).bit_length())

    def files(self):
        """What changes of the file: list of File or Place."""
        if self.wanted:
            earlier = self._earlier if self._is_ours() else self.present
            text = (
                "# Written by the Ansible role trigger: each endpoint's path unit takes one instance.\n"
                f"# It was {earlier} before.\n{_KEY} = {self.wanted}\n"
            )
            return [File(self._sysctl, text.encode())]
        place = Place(self._sysctl, 0o644)
        return [place] if self._is_needed and place.before and place.changed else []

    def steps(self):
        """Raise the limit, where it is too low, now and at each boot."""
        raises = [Step(f"{_KEY} raised to {self.wanted}", lambda: self._set(self.wanted))] if self.wanted else []
        return write(self.files()) + raises

    def steps_back(self):
        """Set the limit back to what it was before, unless somebody else has changed it since. To be taken while the
        file is there."""
        return (
            [Step(f"{_KEY} set back to {self._earlier}", lambda: self._set(self._earlier))] if self._is_ours() else []
        )

    def _is_ours(self):
        return self._raised is not None and self._raised == self.present

    def _set(self, value):
        with open(self._limit, "w") as file:
            file.write(str(value))
