"""The runs of an endpoint: their table, and the pages on which all of them stand. No I/O."""

from __future__ import annotations

from trigger import plain_text, timespan
from trigger.page import labels, status, times, told
from trigger.page.markup import Markup, element, join

TYPE_CHECKING = False
if TYPE_CHECKING:
    from trigger.endpoint import Endpoint
    from trigger.page.layout import Frame
    from trigger.responses import Reply

ON_A_PAGE = 50
_TITLES = ("When", "State", "Took", "By")
VALUE_LENGTH = 40  # characters; the run's own page tells all


def draw(frame: Frame, endpoint: Endpoint, found: status.History, now: float) -> Reply:
    """Return a page of all runs. now: seconds since the epoch."""
    title = "Runs of " + endpoint.name
    heading = element("h1", "Runs of ", element("a", endpoint.name, href=status.place(endpoint)))
    if not found.rows:
        return frame.reply(200, "a list of runs", title, heading, element("p", "There are none here."))
    end = found.begin + len(found.rows)
    part = element("p", "%d to %d of %d, the newest first." % (found.begin + 1, end, found.total), class_="quiet")
    runs = place(endpoint)
    ways = []
    if found.begin:
        ways.append(element("a", "← Newer", href="%s?after=%s" % (runs, found.rows[0][0]["id"]), rel="prev"))
    if end < found.total:
        ways.append(element("a", "Older →", href="%s?before=%s" % (runs, found.rows[-1][0]["id"]), rel="next"))
    pages = element("nav", *ways, aria_label="Pages", class_="ways") if ways else ""
    return frame.reply(200, "a list of runs", title, heading, part, table(endpoint, found.rows, now), pages)


def place(endpoint: Endpoint) -> str:
    """Return the address of the first of these pages."""
    return endpoint.frontend["location"] + "runs"


def table(endpoint: Endpoint, runs: list[tuple[dict, dict | None]], now: float) -> Markup:
    """Return the table. runs: as status.History has them. now: seconds since the epoch."""
    texts = (*_TITLES, "With") if endpoint.parameters else _TITLES
    titles = [element("th", text, scope="col", role="columnheader") for text in texts]
    rows = [_row(endpoint, run, record or {}, now) for run, record in runs]
    return element(
        "table",
        element("thead", element("tr", *titles, role="row"), role="rowgroup"),
        element("tbody", *rows, role="rowgroup"),
        role="table",
        class_="runs",
    )


def _row(endpoint, run, record, now):
    href = "%sruns/%s" % (endpoint.frontend["location"], run["id"])
    when = element("a", times.short(run["accepted"], now), href=href)
    place = " (number %d)" % run["position"] if run["position"] else ""
    took = "" if run["duration"] is None else timespan.span(run["duration"])
    cells = [
        element("th", when, scope="row", role="rowheader"),
        element("td", labels.badge(run["state"]), place, role="cell"),
        element("td", took, role="cell", data_label="Took"),
        element("td", plain_text.line(told.asked_by(record)), role="cell", data_label="By"),
    ]
    if endpoint.parameters:
        values = told.labelled(endpoint, told.unusual(endpoint, record))
        cells.append(element("td", _values(values), role="cell", data_label="With"))
    return element("tr", *cells, role="row")


def _values(values):
    shown = [element("span", label, " ", element("code", _shortened(text))) for label, text in values]
    return join(shown, ", ")


def _shortened(text):
    text = plain_text.line(text[: VALUE_LENGTH + 1])
    return text if len(text) <= VALUE_LENGTH else text[:VALUE_LENGTH] + "…"
