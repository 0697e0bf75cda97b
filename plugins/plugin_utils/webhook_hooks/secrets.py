# Copyright: The trigger authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Secrets that stand in a hook: found, and replaced by variables that Ansible Vault is to hold."""

from __future__ import annotations

import re
from typing import Any

NAMED_SO = re.compile(
    r"token|secret|passw|pwd|credential|authorization|signature|apikey|auth$|(^|[_-])((api|access|hook)[_-])?key$",
    re.IGNORECASE,
)
ASSIGNED = re.compile(r"(token|secret|passw\w*|pwd|credentials?|[_-]key)\s*[=:]\s*\S", re.IGNORECASE)
RANDOM = re.compile(
    r"(?=.*[0-9])(?=.*[A-Za-z])[A-Za-z0-9+=]{16,}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE
)
TELLING_LENGTH = 8  # characters from which a known secret is looked for within other texts


class Variable(str):
    """The name of a variable in whose place a secret stands."""


class Secrets:
    """Those of one hook. name: the endpoint's name."""

    def __init__(self, name: str) -> None:
        self._prefix = f"vault_{name.replace('-', '_')}_secret"
        self._values = {}

    def keep(self, text: str) -> Variable:
        """The Variable for a secret. The same secret has the same one."""
        for variable, known in self._values.items():
            if known == text:
                return variable
        number = len(self._values) + 1
        variable = Variable(self._prefix if number == 1 else f"{self._prefix}_{number}")
        self._values[variable] = text
        return variable

    def conceal(self, text: str, name: str = "") -> str:
        """The text, or the Variable for it when it is, looks like or holds a secret. name: what the text is the value
        of."""
        is_one = text and (is_secret(name, text) or ASSIGNED.search(text))
        return self.keep(text) if is_one else self.conceal_known(text)

    def conceal_known(self, text: str) -> str:
        """The text, or the Variable for it when it is or holds a secret that was kept before."""
        known = self._values.values()
        holds_one = any(text == secret or (len(secret) >= TELLING_LENGTH and secret in text) for secret in known)
        return self.keep(text) if text and holds_one else text

    def used_in(self, endpoint: dict[str, Any]) -> dict[str, str]:
        """The secrets to which an endpoint refers, by the name of their variable."""
        used = set(_variables(endpoint))
        return {str(variable): text for variable, text in self._values.items() if variable in used}


def is_secret(name: str, text: str) -> bool:
    """Whether the value of what is called name is likely to be a secret."""
    return bool(NAMED_SO.search(name) or RANDOM.fullmatch(text))


def resolve(value: Any, secrets: dict[str, str]) -> Any:
    """The value with its secrets in place. secrets: by the name of their variable."""
    if isinstance(value, dict):
        return {key: resolve(item, secrets) for key, item in value.items()}
    if isinstance(value, list):
        return [resolve(item, secrets) for item in value]
    return secrets[value] if isinstance(value, Variable) else value


def _variables(value):
    if isinstance(value, (dict, list)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _variables(item)
    elif isinstance(value, Variable):
        yield value
