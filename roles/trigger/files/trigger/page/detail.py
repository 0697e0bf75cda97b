"""The page of one endpoint: what it is, the form that starts it, and its latest runs. No I/O."""

from __future__ import annotations

from trigger import timespan
from trigger.page import form, labels, status, times
from trigger.page.markup import element

TYPE_CHECKING = False
if TYPE_CHECKING:
    from trigger.endpoint import Endpoint
    from trigger.page.access import Visitor
    from trigger.page.layout import Frame
    from trigger.responses import Reply

LATEST = 10  # runs


class Detail:
    """latest: runs, newest first, or None when they cannot be read now. now: seconds since the epoch."""

    def __init__(
        self, frame: Frame, visitor: Visitor, endpoint: Endpoint, latest: list[dict] | None, now: float
    ) -> None:
        self._frame = frame
        self._endpoint = endpoint
        self._token = visitor.token(endpoint)
        self._may_list = bool(visitor.user)  # as with the acceptor: an id opens its own run, a list needs a user
        self._latest = latest
        self._now = now

    def draw(self) -> Reply:
        """Return the page."""
        return self._reply(200, "the page of an endpoint", self._endpoint.name, form.draw(self._endpoint, self._token))

    def draw_again(self, typed: dict[str, str], errors: list[tuple[str, str]]) -> Reply:
        """Return the page with what was typed, dict of name to str, and what is wrong with it, list of (name, str)."""
        again = form.draw(self._endpoint, self._token, typed, dict(errors))
        summary = form.summary(self._endpoint, errors)
        return self._reply(400, "the parameters are not right", "Error: " + self._endpoint.name, summary, again)

    def _reply(self, code, reason, title, *content):
        heading = [element("h1", self._endpoint.name)]
        description = status.describe(self._endpoint)
        if description:
            heading.append(element("p", description))
        return self._frame.reply(code, reason, title, *heading, *content, *self._runs())

    def _runs(self):
        if not self._may_list:
            return
        yield element("h2", "Latest runs")
        if not self._latest:
            why = "None yet." if self._latest is not None else "They cannot be read for now."
            yield element("p", why, class_="quiet")
            return
        titles = [element("th", text, scope="col", role="columnheader") for text in ("When", "State", "Took")]
        yield element(
            "table",
            element("thead", element("tr", *titles, role="row"), role="rowgroup"),
            element("tbody", *map(self._row, self._latest), role="rowgroup"),
            role="table",
            class_="runs",
        )

    def _row(self, run):
        href = "%sruns/%s" % (self._endpoint.frontend["location"], run["id"])
        place = " (number %d)" % run["position"] if run["position"] else ""
        return element(
            "tr",
            element(
                "th", element("a", times.short(run["accepted"], self._now), href=href), scope="row", role="rowheader"
            ),
            element("td", labels.badge(run["state"]), place, role="cell"),
            element("td", "" if run["duration"] is None else timespan.span(run["duration"]), role="cell"),
            role="row",
        )
