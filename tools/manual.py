"""A manual page as Markdown: as much of mdoc(7) as triggerctl(8) uses.

python tools/manual.py PAGE           print it
python tools/manual.py PAGE DOCUMENT  write it into the document, between its markers; this is part of `make docs`
"""

import re
import sys
from pathlib import Path

import markers

CODE = {"Ar", "Cm", "Ev", "Fl", "Pa", "Ql", "Sq"}
INLINE = {*CODE, "Em", "Nm", "Op", "Xr"}
CLOSING = {",", ".", ":", ";"}


def markdown(page):
    """A page in mdoc as Markdown, from its synopsis on. Raises ValueError for a macro that is not known here."""
    made = _Page(re.search(r"^\.Nm (\S+)$", page, re.MULTILINE)[1])
    for line in page.partition(".Sh SYNOPSIS\n")[2].splitlines():
        made.add(line)
    return "\n".join(made.lines) + "\n"


class _Page:
    def __init__(self, name):
        self.name = name
        self.lines = ["## Synopsis", "```"]
        self.in_synopsis = True
        self.in_display = False
        self.lists = 0

    def add(self, line):
        macro, _, rest = line[1:].partition(" ") if line.startswith(".") else ("", "", line)
        if macro == "Sh":
            self.lines += [*["```"] * self.in_synopsis, "", f"## {rest.capitalize()}", ""]
            self.in_synopsis = False
        elif macro in ("Bd", "Ed"):
            self.lines.append("```")
            self.in_display = macro == "Bd"
        elif self.in_display:
            self.lines.append(_unescaped(line))
        elif macro in ("Bl", "El"):
            self.lists += 1 if macro == "Bl" else -1
        elif macro == "It":
            term = rest if rest.split()[0] in INLINE else "Cm " + rest
            self.lines.append(f"{'  ' * (self.lists - 1)}- {self.inline(term)}:")
        elif macro == "Pp":
            self.lines += ["", ""]
        elif macro and macro not in INLINE:
            raise ValueError(f"no way is known to write {line!r} as Markdown")
        elif self.in_synopsis and macro == "Nm":
            self.lines.append(self.name)
        elif self.in_synopsis:
            self.lines[-1] += " " + _call(line[1:])
        else:
            said = self.inline(line[1:]) if macro else _unescaped(line)
            self.lines[-1] += (" " if self.lines[-1] and said[0] not in CLOSING else "") + said

    def inline(self, text):
        said = ""
        for macro, words in _groups(text):
            word = " ".join(words)
            if macro in CODE:
                word = f"`{word}`"
            elif macro == "Nm":
                word = f"`{self.name}`"
            elif macro == "Em":
                word = f"*{word}*"
            elif macro == "Xr":
                word = f"{words[0]}({words[1]})"
            said += word if macro in CLOSING else " " + word
        return said.strip()


def _groups(text):
    """Pairs of a macro and its words; what closes a phrase stands by itself."""
    found = []
    for word in text.split():
        if word in INLINE or word in CLOSING:
            found.append((word, [word] if word in CLOSING else []))
        else:
            macro, words = found[-1] if found[-1][0] not in CLOSING else found[-2]
            if found[-1][0] in CLOSING:
                found.append((macro, words := []))
            words.append("-" + word if macro == "Fl" and word != "|" else _unescaped(word))
    return found


def _call(text):
    """A part of the synopsis as a person types it."""
    words = [word for macro, words in _groups(text) for word in (["["] if macro == "Op" else words)]
    return " ".join(words).replace("[ ", "[") + "]" * words.count("[")


def _unescaped(text):
    return text.replace("\\e", "\\")


if __name__ == "__main__":
    made = markdown(Path(sys.argv[1]).read_text(encoding="utf-8"))
    if len(sys.argv) == 2:
        print(made, end="")
    else:
        markers.fill_file(Path(sys.argv[2]), {"manual": made})
