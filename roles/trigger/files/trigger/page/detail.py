"""The page of one endpoint: what it is, the form that starts it, and its latest runs. No I/O."""

from __future__ import annotations

from trigger.page import form, history, labels, status, times
from trigger.page.markup import NOTHING, element

TYPE_CHECKING = False
if TYPE_CHECKING:
    from trigger.endpoint import Endpoint
    from trigger.page.access import Visitor
    from trigger.page.layout import Frame
    from trigger.responses import Reply

LATEST = 10  # runs


class Detail:
    """latest: as status.history() returns it. now: seconds since the epoch."""

    def __init__(
        self,
        frame: Frame,
        visitor: Visitor,
        endpoint: Endpoint,
        latest: status.History | None,
        now: float,
    ) -> None:
        self._frame = frame
        self._endpoint = endpoint
        self._token = visitor.token(endpoint)
        self._may_list = visitor.may_list
        self._may_start = visitor.may_start(endpoint)
        self._latest = latest
        self._now = now

    def draw(self) -> Reply:
        """Return the page."""
        if self._frame.is_part:
            content = self._runs()  # alone: somebody may be filling in the form
        else:
            start = form.draw(self._endpoint, self._token) if self._may_start else self._only_look()
            content = self._whole(start)
        told = self._goes_on()
        again = element("div", hidden=True, data_again="?again=") if told else NOTHING
        tone = labels.tone("running" if told else "idle")
        title = self._endpoint.name
        return self._frame.reply(200, "the page of an endpoint", title, *content, again, state=told, tone=tone)

    def draw_like(self, run: dict, record: dict) -> Reply:
        """Return the page with the values of a run in the form. run, record: as runs.Runs.find_told() returns them."""
        href = "%sruns/%s" % (self._endpoint.frontend["location"], run["id"])
        like = element("a", "the run of ", times.full(run["accepted"]), href=href)
        note = element("p", "The form is filled in as for ", like, ".")
        again = form.draw(self._endpoint, self._token, form.typed_before(self._endpoint, record))
        return self._reply(200, "the page of an endpoint", "Run again: " + self._endpoint.name, note, again)

    def draw_again(self, typed: dict[str, str], errors: list[tuple[str, str]]) -> Reply:
        """Return the page with what was typed, dict of name to str, and what is wrong with it, list of (name, str)."""
        again = form.draw(self._endpoint, self._token, typed, dict(errors))
        summary = form.summary(self._endpoint, errors)
        return self._reply(400, "the parameters are invalid", "Error: " + self._endpoint.name, summary, again)

    def _only_look(self):
        if self._endpoint.state == "disabled":
            why = "It is disabled, so nobody can call it; "
        elif self._endpoint.frontend["page"]:
            why = "It is started by others; "
        else:
            why = "It is started by programs; "
        return element("p", why + "you may look at its runs.", class_="quiet")

    def _goes_on(self):
        """What is under way, in words; what nobody takes for now is not."""
        if not self._may_list or self._latest is None:
            return ""
        return labels.goes_on(self._latest.running, self._latest.waiting)

    def _reply(self, code, reason, title, *content):
        return self._frame.reply(code, reason, title, *self._whole(*content))

    def _whole(self, *content):
        yield element("h1", self._endpoint.name)
        description = status.describe(self._endpoint)
        if description:
            yield element("p", description)
        yield from content
        yield from self._runs()

    def _runs(self):
        if self._may_list:
            yield element("h2", "Latest runs")
            yield element("div", *self._table(), id="latest")

    def _table(self):
        if self._latest is None or not self._latest.rows:
            why = "None yet." if self._latest is not None else "They cannot be read for now."
            yield element("p", why, class_="quiet")
            return
        yield history.table(self._endpoint, self._latest.rows, self._now)
        if self._latest.total > LATEST:
            text = "All %d runs" % self._latest.total
            yield element("p", element("a", text, href=history.place(self._endpoint)))
