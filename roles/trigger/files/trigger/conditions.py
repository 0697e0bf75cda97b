"""`only_if`: whether a request is one that shall start a run. No I/O.

A condition is a dict as the role wrote it: place (see sources), text (how the user wrote it), exactly one of
equals (text), in (list of texts) and matches (a pattern for the whole value), and negate.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from trigger.sources import Sources


def first_unmet(conditions: "list[dict]", sources: "Sources") -> "str | None":
    """Return the text of the first condition that does not hold, or None. A value that is not there meets no condition,
    and so every negated one; of several values each has to do. Raises Refusal when query, form or JSON cannot be
    read."""
    for condition in conditions:
        values = [_text(value) for value in sources.find(condition["place"])] or [None]
        if not all(_meets(condition, value) != condition["negate"] for value in values):
            unread = sources.unread(condition["place"])
            return condition["text"] + (": " + unread if unread else "")
    return None


def _meets(condition, text):
    if text is None:
        return False
    if condition["equals"] is not None:
        return text == condition["equals"]
    if condition["in"] is not None:
        return text in condition["in"]
    import re

    return re.fullmatch(condition["matches"], text) is not None


def _text(value):
    """A value of JSON as text; None for what is no single value."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str) else None
