# Copyright: The trigger authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Texts of a hook, as they are read and as they are told."""

from __future__ import annotations

from typing import Any


class NotCarriedOver(ValueError):
    """The hook cannot become an endpoint. args: the reasons, str."""


def text_of(mapping: dict[str, Any], key: str) -> str:
    """A scalar of the hook as text, "" where there is none. Raises NotCarriedOver for a list or a dict."""
    value = mapping.get(key)
    if isinstance(value, (list, dict)):
        raise NotCarriedOver(f"{key}: it is not a string, so webhook does not load this file")
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)


def shown(text: str) -> str:
    """A text of the hook for a message: one printable line."""
    text = text if len(text) <= 80 else text[:79] + "…"
    return text if text and text.isprintable() else ascii(text)
