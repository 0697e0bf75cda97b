"""The page of a run. Only reads.

While the run goes on, a script of the page asks again and again for what is new, so no connection is held meanwhile.
Where no script runs, a page takes its place that itself goes on, and ends with the run.
"""

from __future__ import annotations

import time

from trigger import records, runs, timespan
from trigger.page import labels, layout, markup, status, times, told
from trigger.page.cgi_head import Head
from trigger.page.colours import Coloured
from trigger.page.markup import NOTHING, Markup, element, join
from trigger.page.status import DAMAGED, say
from trigger.plain_text import plain
from trigger.responses import UNBUFFERED, Reply

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from trigger.endpoint import Endpoint
    from trigger.page.layout import Frame

MISS_EVERY = 2.0  # seconds between two looks whether a run is still known
SIGN_EVERY = 20.0  # seconds without a word after which the page shows that it is still there, so that nobody gives up
SHOWN = 64 * 1024  # bytes of an output that is there already
LOOK_EVERY = 0.25  # seconds between two looks whether a waiting request has got its turn

FOLLOW = "follow=1"  # the query of the page that itself goes on, as nginx knows it, too

_LIVE = ("queued", "running")


def draw(
    frame: Frame,
    endpoint: Endpoint,
    found: runs.Runs,
    run: dict,
    record: dict | None,
    leaving: Callable[[], bool] | None,
    cancel: Markup | None,
    shown: Shown | None = None,
) -> Reply:
    """Return the page of a run, whose source brings its parts. run, record: as found.find_told() has returned them.
    leaving: None, or a function that says whether this process is about to end; then the page goes on by itself.
    cancel: what cancels the run, or None for somebody who may only look. shown: for a part of the frame, what of the
    output is shown already."""
    page = _Page(frame, endpoint, found, run, record, cancel, shown or Shown())
    goes_on = run["state"] in _LIVE
    headers = layout.HEADERS
    if goes_on and leaving is not None:
        headers = headers + UNBUFFERED
        parts = page.live(leaving)
    elif goes_on or frame.is_part:
        parts = page.now(goes_on)
    else:
        parts = page.whole()
    return Reply(200, frame.reason("the page of a run"), b"", layout.CONTENT_TYPE, headers, Parts(parts))


class Shown:
    """How much of an output a page shows. size: in bytes. look: with which what follows begins, as Coloured takes it.
    Raises ValueError."""

    def __init__(self, size: int = 0, look: str = "") -> None:
        self.size = size
        self.coloured = Coloured(look)

    @classmethod
    def read(cls, text: str) -> Shown:
        """Return what query() has written. Raises ValueError for anything else."""
        size, _, look = text.partition(".")
        if not size.isdecimal() or not size.isascii() or len(size) > 15:
            raise ValueError("not a number of bytes")
        return cls(int(size), look.replace("+", " "))

    def query(self) -> str:
        """Return the query by which a page asks for what is new."""
        return "?again=%d.%s" % (self.size - self.coloured.held, self.coloured.look.replace(" ", "+"))


class Parts:
    """What brings a body in parts, as runs.Output does. parts: a generator of str, and of None while there is none."""

    def __init__(self, parts: Generator[str | None, None, None]) -> None:
        self._parts = parts

    def read(self) -> bytes | None:
        """Return the next part; None while there is none yet; b"" at the end. Raises OSError."""
        for part in self._parts:
            if part is None:
                return None
            if part:
                return part.encode()
        return b""

    def close(self) -> None:
        """Let go what the parts are made of."""
        self._parts.close()


class _Page:
    def __init__(self, frame, endpoint, found, run, record, cancel, shown):
        self._frame = frame
        self._endpoint = endpoint
        self._found = found
        self._run = run
        self._record = record
        self._cancel = cancel
        self._shown = shown
        self._shows_output = shown.size > 0
        self._left_out = 0  # bytes, of which that is still to be said
        self._head = Head() if endpoint.output == "cgi" else None

    def whole(self):
        """Yield the page of a run that has ended."""
        yield self._begin(self._run["state"])
        yield from self._outcome(self._run)
        yield from self._output(_never)
        yield self._end()

    def now(self, goes_on):
        """Yield the page of a run as it is now, and of one that goes on with what it is asked again. So what has been
        printed before the end is told before that is."""
        yield self._begin(self._run["state"], "?" + FOLLOW)
        yield element("div", self._may_cancel() if goes_on else "", id="cancel")
        yield element("div", self._standing(self._run) if goes_on else "", id="now")
        yield from self._output(_never, waits=False, goes_on=goes_on)
        # Where somebody who does not see it is told what comes.
        yield element("div", *self._result(self._run) if not goes_on else (), id="result", role="status")
        if goes_on:
            yield element("div", hidden=True, data_again=self._shown.query())
        yield self._end()

    def live(self, leaving):
        """Yield the page of a run that goes on, None while there is nothing new to say."""
        return _with_signs(self._live(leaving))

    def _live(self, leaving):
        yield self._begin()
        yield self._may_cancel()
        yield from self._wait_for_turn(leaving)
        yield from self._output(leaving, goes_on=True)
        yield self._say_how_it_ended()
        yield self._end()

    def _begin(self, state=None, without_script=""):
        name = self._endpoint.name
        link = element("a", name, href=status.place(self._endpoint))
        told = (labels.word(state), labels.tone(state)) if state else ()
        begin = self._frame.begin("Run of " + name, *told, without_script=without_script)
        return join((begin, element("h1", "Run of ", link)))

    def _may_cancel(self):
        return self._cancel if self._endpoint.runs_api and self._cancel is not None else NOTHING

    def _find(self):
        """The run as it is now, dict, or None when it is not known any more, or cannot be read."""
        try:
            run, self._record = self._found.find_told(self._run["id"])
            return run
        except DAMAGED as error:
            self._say_unreadable(error)
            return None

    def _say_unreadable(self, error):
        say("<4>%s: a run cannot be read: %s" % (self._endpoint.name, type(error).__name__))

    def _wait_for_turn(self, leaving):
        """Tell the place in the queue until the run begins, or is over already."""
        run = self._run
        position = None
        while run is not None and run["state"] == "queued" and not leaving():
            if run["position"] != position:
                position = run["position"]
                yield self._standing(run)
            yield from _pause(LOOK_EVERY, leaving)
            run = self._find()
        if run is not None and run["state"] == "running":
            yield self._standing(run)

    def _standing(self, run):
        """What is to be said of a run that goes on: worded so that it stays true when the run is over and the page is
        still there."""
        if run["state"] == "queued":
            at = times.full(records.timestamp(time.time()))
            return _now(labels.badge("queued"), ": number %d in the queue at " % run["position"], at, ".")
        since = (" from ", times.full(run["started"]), " on") if run["started"] else ()
        return _now(labels.badge("running"), *since, ". What it prints appears below, and at the end how it went.")

    def _output(self, leaving, waits=True, goes_on=False):
        """Yield what the run prints, until it has ended, or, where nobody waits for more, what there is. goes_on: not
        when the page was asked for after the end."""
        is_live = goes_on or self._frame.is_part
        ends = waits or not goes_on
        yield element("h2", "Output", id="output")
        if is_live:
            # It comes before the output, or it could not be jumped to before that has ended; where it stands is style.
            yield element("p", element("a", "Jump to the end", href="#end"))
            yield element("div", id="end", tabindex=-1)
        yield markup.begin("pre", aria_labelledby="output", role="log" if is_live else None)
        yield "\n"  # HTML drops one here, and would otherwise drop one of the job's
        coloured = self._shown.coloured
        for part in self._body(leaving, waits):
            yield self._say_what_is_left_out()
            yield None if part is None else self._note(coloured.feed(part))
        if ends:
            yield self._note(coloured.feed(b"", final=True))
        yield markup.end("pre")
        yield markup.begin("div", id="printed")
        if ends:
            yield from self._say_of_output(leaving)
        yield markup.end("div")

    def _say_of_output(self, leaving):
        if self._head is not None and self._head.told:
            yield element("p", "Its head said ", element("code", self._head.told), ".", class_="quiet")
        elif not self._shows_output and not leaving():
            kept = "It printed nothing." if self._endpoint.output_limit else "What it prints is not kept here."
            yield element("p", kept, class_="quiet")
        if self._shows_output and self._endpoint.runs_api:
            name = "%s-%s.txt" % (self._endpoint.name, self._run["id"])
            yield element("p", element("a", "Output as a file", href=self._file(), download=name))

    def _body(self, leaving, waits):
        """Yield what the run prints: without the head of `output: cgi`, and of much that is there already only the end,
        or what is not shown yet; None while there is nothing new."""
        source = runs.Output(self._found, self._run["id"], follow=True)
        looked = time.monotonic()
        already = self._shown.size
        is_begun = False
        try:
            while not leaving():
                part = source.read()
                if part == b"" or (part is None and not waits):
                    break
                if part and self._head is not None:
                    part = self._head.feed(part)
                if part and not is_begun:
                    is_begun = True
                    if already:
                        source.seek(already)
                        continue
                    if self._endpoint.runs_api:  # else nobody could have what is left out
                        part = self._end_of(source, part)
                if part is not None and (self._head is None or self._head.is_over):
                    self._shown.size = source.tell()
                yield part
                if part is None and time.monotonic() - looked > MISS_EVERY:
                    looked = time.monotonic()
                    if self._find() is None:
                        break
        except DAMAGED as error:
            self._say_unreadable(error)
        finally:
            source.close()
        if self._head is not None and (waits or self._run["state"] not in _LIVE):
            yield self._head.end()

    def _end_of(self, source, part):
        """Leave out what would be too much. part: the first. Returns that with which the page begins."""
        left_out = source.skip(SHOWN)
        if not left_out:
            return part
        following = source.read() or b""
        line = following.find(b"\n") + 1
        self._left_out = len(part) + left_out + line
        return following[line:]

    def _say_what_is_left_out(self):
        size, self._left_out = self._left_out, 0
        if not size:
            return ""
        whole = element("a", "The whole output", href=self._file())
        told = labels.size(size) + " of the output are above this."
        return join((element("span", told, " ", whole, class_="quiet"), "\n"))

    def _file(self):
        return "%sruns/%s/output" % (self._endpoint.frontend["location"], self._run["id"])

    def _note(self, output):
        self._shows_output = self._shows_output or bool(output)
        return output

    def _say_how_it_ended(self):
        run = self._find()
        if run is not None and run["state"] in _LIVE:
            why = "The run goes on, but this page cannot follow it any longer. Load it again."
            return element("p", why, class_="sheet")
        return element("div", *self._result(run), class_="result", role="status")

    def _result(self, run):
        """Yield what has become of a run. run: None where that is not known."""
        yield element("h2", "Result")
        if run is None or run["state"] == "unknown":
            yield element("p", "What became of it is not known: no record of it is kept, or it cannot be read.")
        else:
            yield from self._outcome(run)

    def _outcome(self, run):
        """Yield what is known of a run that has ended."""
        yield element("p", labels.badge(run["state"]), ". ", " ".join(labels.ending(run)))
        record = self._record or {}
        # It tells of one request alone, which the others that it served need not have come with.
        asker = record if record.get("id") == run["id"] else {}
        facts = [
            ("Asked for by", asker.get("remote_user")),
            ("From", asker.get("remote_addr")),
            ("Accepted", times.full(run["accepted"])),
            ("Started", run["started"] and times.full(run["started"])),
            ("Finished", run["finished"] and times.full(run["finished"])),
            ("Took", None if run["duration"] is None else timespan.span(run["duration"])),
            ("Requests", _served(record)),
            ("Request", element("span", run["id"], class_="id")),
        ]
        yield _list((term, fact) for term, fact in facts if fact)
        values = told.values(self._endpoint, record)
        if values:
            yield element("h2", "Parameters")
            labelled = told.labelled(self._endpoint, values)
            yield _list((label, element("span", plain(text), class_="value")) for label, text in labelled)

    def _end(self):
        place = status.place(self._endpoint)
        again = NOTHING
        if self._record is not None and self._cancel is not None:
            again = element("a", "Run again…", href="%s?like=%s" % (place, self._run["id"]), class_="button")
        back = element("a", "Back to " + self._endpoint.name, href=place)
        return join((element("p", element("span", again, id="again"), back, class_="ways"), self._frame.end()))


def _list(pairs):
    """Terms, and what there is to say of each."""
    return element("dl", *[part for term, fact in pairs for part in (element("dt", term), element("dd", fact))])


def _now(*content):
    return element("p", *content, class_="now")


def _served(record):
    count = len(record.get("requests", ()))
    return "%d, served by this one run" % count if count > 1 else None


def _with_signs(parts):
    """Yield parts, and after a long silence a comment, which shows nothing."""
    spoken = time.monotonic()
    for part in parts:
        if part is None and time.monotonic() - spoken > SIGN_EVERY:
            part = Markup("<!-- -->")
        if part:
            spoken = time.monotonic()
        yield part


def _pause(seconds, leaving):
    until = time.monotonic() + seconds
    yield None
    while time.monotonic() < until and not leaving():
        yield None


def _never():
    return False
