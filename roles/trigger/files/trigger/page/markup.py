"""HTML, made of elements. No I/O.

What is text stays text: only what element() and join() return is taken for HTML, everything else is escaped. So no
page has to remember to do it.
"""

from __future__ import annotations

import html

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

_VOID = frozenset(("input", "link", "meta"))  # of those that are used here (HTML standard, 13.1.2)


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


NOTHING = Markup()


def element(name: str, /, *content: str, **attributes: str | int | None) -> Markup:
    """Return an element.

    content: what is not Markup is escaped. attributes: None and False leave one out, True names it alone. An underscore
    in a name stands for a dash, and one at its end for nothing (class_).
    """
    tag = begin(name, **attributes)
    return tag if name in _VOID else Markup("%s%s%s" % (tag, join(content), end(name)))


def begin(name: str, /, **attributes: str | int | None) -> Markup:
    """Return the start tag of an element, Markup, whose content is still to come."""
    return Markup("<%s%s>" % (name, "".join(map(_attribute, attributes.items()))))


def end(name: str) -> Markup:
    """Return the end tag of an element."""
    return Markup("</%s>" % name)


def join(parts: Iterable[str], between: str = "") -> Markup:
    """Return parts in a row. parts: what is not Markup is escaped."""
    return Markup(escape(between).join(map(escape, parts)))


def escape(text: str) -> Markup:
    """Return text as HTML that shows it; what is Markup stays as it is."""
    if isinstance(text, Markup):
        return text
    return Markup(html.escape(_encodable(text)))


def _attribute(item):
    name, value = item
    if value is None or value is False:
        return ""
    name = name.rstrip("_").replace("_", "-")
    return " " + name if value is True else ' %s="%s"' % (name, html.escape(_encodable(str(value))))


def _encodable(text):
    """A file of JSON can hold half of a surrogate pair, which no encoding has."""
    return text.encode("utf-8", "replace").decode()
