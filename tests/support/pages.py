"""What tests look for on a page, and do there."""

import json
import time

import pytest
from page_host import parsed, tree, visitor

from trigger import http
from trigger.page import form
from trigger.page.routes import Desk


def refusal(ask, *arguments, **told):
    with pytest.raises(http.Refusal) as caught:
        ask(*arguments, **told)
    return caught.value


def main(page):
    parts = [part if isinstance(part, str) else part.text for part in page.one("main").content]
    return " ".join(" ".join(parts).split())


def again(page):
    """The query by which a page asks for what is new, or None."""
    found = [element["data-again"] for element in page.all() if "data-again" in element.attributes]
    assert len(found) < 2
    return found[0] if found else None


def icon(page):
    return page.one("link", rel="icon")["href"]


def row(page, number=0):
    found = page.one("tbody").all("tr")[number]
    return [" ".join(cell.text.split()) for cell in found.content]


def settle(host, made, **keys):
    """Change what is said of the front end."""
    told = {key: value for key, value in vars(made).items() if key != "name"}
    host.write(made.name, json.dumps({**told, "frontend": {**made.frontend, **keys}}))


DECLARED = [
    {"name": "version", "required": True, "label": "Version to release"},
    {"name": "target", "choices": ["staging", "production"], "default": "staging"},
    {"name": "dry-run", "type": "boolean", "default": False},
    {"name": "password", "sensitive": True},
    {"name": "key", "sensitive": True},
    {"name": "note"},
]


GIVEN = {"version": "1.2 <b>", "target": "production", "dry-run": "true", "password": "(sensitive)",
         "key": "(sensitive)"}  # fmt: skip


def facts(page):
    found = page.all("dl")[0].content
    return {found[i].text: found[i + 1].text for i in range(0, len(found), 2)}


def lines(begin, end):
    return b"".join(b"line %08d of some length\n" % number for number in range(begin, end))


class Live:
    """The page as it arrives."""

    def __init__(self, host, one, leaving=lambda: False):
        request = parsed(path=f"/hello/runs/{one}?follow=1")
        self.source = Desk(host.etc, leaving).answer(visitor(), request, b"").source
        self.come = b""

    def more(self):
        """Take what is there. Returns whether the page goes on."""
        while True:
            part = self.source.read()
            if not part:
                return part is None
            self.come += part

    def until(self, text):
        deadline = time.monotonic() + 10
        while text.encode() not in self.come:
            assert self.more(), self.come
            assert time.monotonic() < deadline, self.come
        return self

    def end(self):
        deadline = time.monotonic() + 10
        while self.more():
            assert time.monotonic() < deadline, self.come
        self.source.close()
        return tree(self.come)


def printed(page):
    """What a page shows of an output: (text, classes)."""
    pieces = page.one("pre").content
    assert pieces[0][0] == "\n"  # which HTML drops
    pieces[0] = pieces[0][1:]
    shown = [(piece, "") if isinstance(piece, str) else (piece.text, piece["class"]) for piece in pieces]
    return [(text, look) for text, look in shown if text]


def submit(ask, made, filled):
    """What comes of a form of ours that is filled in."""
    token = f"{form.TOKEN}={visitor().token(made)}&{filled}"
    return ask(f"/{made.name}/start", "POST", token.encode(), Origin="https://ci.example:8443")
