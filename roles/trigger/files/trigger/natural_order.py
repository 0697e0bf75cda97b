"""The order in which people look for names: without regard to case, and web2 before web10. No I/O."""

import re


def key(text: str) -> "list[tuple[int, int, str]]":
    """Return what names are sorted by."""
    parts = []
    for number, part in enumerate(re.split("([0-9]+)", text.casefold())):
        if number % 2:
            digits = part.lstrip("0")
            parts.append((0, len(digits), digits))  # any number of them; int() has a limit
        elif part:
            parts.append((1, 0, part))
    return [*parts, (-1, 0, text)]
