# Copyright: The trigger authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Hashes of passwords by the host's own crypt(3), the one that nginx asks."""

from __future__ import annotations

import ctypes
import hmac
import os
from typing import Any

# yescrypt with 1 MiB: about 1 ms a request, since nginx looks at the password of each. ARCHITECTURE.md compares it.
METHOD = b"$y$"
COST = 1
BEGIN = "$y$j75$"

_SETTING_SIZE = 192  # CRYPT_GENSALT_OUTPUT_SIZE
_SALT_SIZE = 16


class Unknown(Exception):
    """The host's crypt(3) does not know the method."""


def line(user: dict[str, Any], present: str | None) -> str:
    """A user's line of the file that nginx reads.

    user: name, and password or password_hash. present: the line that is there; a hash that fits and was made in this
    way is kept. Raises Unknown.
    """
    name, password, given = user["name"], user.get("password"), user.get("password_hash")
    if given:
        if len(encrypted("", given)) != len(given):
            raise Unknown("a password_hash is not whole")
        return f"{name}:{given}"
    kept = (present or "").partition(":")[2]
    if _fits(password, kept):
        return f"{name}:{kept}"
    return f"{name}:{encrypted(password, _setting())}"


def _fits(password, kept):
    """Whether a hash is of the password, and made as here."""
    try:
        return kept.startswith(BEGIN) and hmac.compare_digest(encrypted(password, kept).encode(), kept.encode())
    except Unknown:
        return False  # it is damaged


def _library():
    library = ctypes.CDLL("libcrypt.so.1")
    library.crypt.restype = library.crypt_gensalt_rn.restype = ctypes.c_char_p
    return library


def _setting():
    """A method, a cost and a fresh salt as crypt(5) writes them."""
    room = ctypes.create_string_buffer(_SETTING_SIZE)
    salt = os.urandom(_SALT_SIZE)
    made = _library().crypt_gensalt_rn(METHOD, ctypes.c_ulong(COST), salt, _SALT_SIZE, room, _SETTING_SIZE)
    if not made:
        raise Unknown("crypt(3) of this host knows no yescrypt")
    return made.decode()


def encrypted(password: str, setting: str) -> str:
    """What crypt(3) makes of a password. setting: a hash, or what comes before one. Raises Unknown."""
    hashed = _library().crypt(password.encode(), setting.encode())
    if not hashed or hashed.startswith(b"*"):  # crypt(3): how a failure shows
        raise Unknown("crypt(3) of this host does not take the hash")
    return hashed.decode()
