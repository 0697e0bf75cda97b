"""The table of an endpoint's runs. No I/O."""

from __future__ import annotations

from trigger import plain_text, timespan
from trigger.page import labels, times, told
from trigger.page.markup import Markup, element, join

TYPE_CHECKING = False
if TYPE_CHECKING:
    from trigger.endpoint import Endpoint

_TITLES = ("When", "State", "Took", "By", "With")
VALUE_LENGTH = 40  # characters; the run's own page tells all


def table(endpoint: Endpoint, runs: list[tuple[dict, dict | None]], now: float) -> Markup:
    """Return the table. runs: as status.history() returns them. now: seconds since the epoch."""
    titles = [element("th", text, scope="col", role="columnheader") for text in _TITLES]
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
    return element(
        "tr",
        element("th", when, scope="row", role="rowheader"),
        element("td", labels.badge(run["state"]), place, role="cell"),
        element("td", took, role="cell", data_label="Took"),
        element("td", plain_text.line(told.asked_by(record)), role="cell", data_label="By"),
        element("td", _values(told.unusual(endpoint, record)), role="cell", data_label="With"),
        role="row",
    )


def _values(values):
    shown = [element("span", name, " ", element("code", _shortened(text))) for name, text in values.items()]
    return join(shown, ", ")


def _shortened(text):
    text = plain_text.line(text[: VALUE_LENGTH + 1])
    return text if len(text) <= VALUE_LENGTH else text[:VALUE_LENGTH] + "…"
