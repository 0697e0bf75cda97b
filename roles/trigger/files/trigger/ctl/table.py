"""Tables for people. No I/O."""

from __future__ import annotations

from trigger import plain_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

GAP = "  "
NARROWEST = 8  # characters that a column keeps
CUT = "…"

_GOOD, _BAD, _ODD, _BUSY = "\x1b[32m", "\x1b[1;31m", "\x1b[33m", "\x1b[36m"
_HEAD, _END = "\x1b[4m", "\x1b[0m"
COLOURS = {
    **dict.fromkeys(("succeeded",), _GOOD),
    **dict.fromkeys(("failed", "timed-out", "damaged", "problem"), _BAD),
    **dict.fromkeys(("paused", "pausing", "stopped", "disabled", "interrupted", "cancelled", "note"), _ODD),
    **dict.fromkeys(("running", "accepting", "queued"), _BUSY),
}


def lines(
    titles: list[str],
    rows: list[list[str]],
    width: int | None = None,
    shrinking: Sequence[int] = (),
    colours: bool = False,
    spare: bool = False,
) -> list[str]:
    """Return the lines of a table.

    titles: one that begins with a space stands to the right. width: None for as wide as it is. shrinking: indices of
    the columns that give way, the widest first. spare: whether the last column is left out where it has no room.
    """
    if spare and width is not None:
        whole = lines(titles, rows, width, shrinking)
        if max(map(len, whole)) > width:
            titles, rows = titles[:-1], [row[:-1] for row in rows]
    cells = [[plain_text.line(cell) for cell in row] for row in rows]
    right = [title[:1] == " " for title in titles]
    titles = [title.strip() for title in titles]
    widths = [max(len(row[i]) for row in [titles, *cells]) for i in range(len(titles))]
    _shrink(widths, width, shrinking)
    told = [_line(titles, widths, right, _HEAD if colours else None)]
    return told + [_line(row, widths, right, None, colours) for row in cells]


def paint(word: str) -> str:
    """A word of state in its colour."""
    return COLOURS[word] + word + _END if word in COLOURS else word


def _shrink(widths, width, shrinking):
    while width is not None and shrinking:
        excess = sum(widths) + len(GAP) * (len(widths) - 1) - width
        widest = max(shrinking, key=lambda i: widths[i])
        if excess <= 0 or widths[widest] <= NARROWEST:
            return
        widths[widest] -= 1


def _line(cells, widths, right, style, colours=False):
    told = []
    for i, (cell, width) in enumerate(zip(cells, widths)):
        shown = cell if len(cell) <= width else cell[: width - 1] + CUT
        space = " " * (width - len(shown))
        if colours:
            shown = paint(shown)
        # Behind the last column nothing is aligned.
        told.append(space + shown if right[i] else shown + (space if i < len(cells) - 1 else ""))
    line = GAP.join(told)
    return style + line + _END if style else line
