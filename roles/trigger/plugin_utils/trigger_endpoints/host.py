# Copyright: The trigger authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Those parts of the host's own programs that the role needs, too: a rule for values stands in one place."""

from __future__ import annotations

import sys
from pathlib import Path

FILES = str(Path(__file__).resolve().parents[2] / "files")

sys.path.insert(0, FILES)
try:
    from trigger import counts, frontend, parameters, sources, strict_json  # noqa: F401
finally:
    sys.path.remove(FILES)
