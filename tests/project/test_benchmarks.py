"""bench/report.py: what raw results become. benchmarks.json has those of a short real run."""

import copy
import json
import re
from pathlib import Path
from statistics import median
from xml.etree import ElementTree

import plots
import pytest
import report

DATA = Path(__file__).parents[1] / "data"
RESULTS = json.loads((DATA / "benchmarks.json").read_text())
TABLES = (DATA / "benchmarks.md").read_text()


@pytest.fixture
def results():
    return copy.deepcopy(RESULTS)


def aim(results, what):
    """The cells of a line of the aims, without its first."""
    line = next(line for line in report.text(results).splitlines() if line.startswith(f"| {what}"))
    return [cell.strip() for cell in line.split("|")[2:-1]]


def test_the_raw_results_become_these_tables(results):
    assert report.text(results) == TABLES


def test_a_ratio_is_that_of_the_medians(results):
    cold = results["single"]["cold"]
    cold["token"]["milliseconds"], cold["recipe"]["milliseconds"] = [90, 30, 31], [10, 62, 20]
    assert aim(results, "cold answer: **trigger**, token, to recipe of 2015") == ["1.55", "≤ 1", "**missed**"]
    cold["recipe"]["milliseconds"] = [31, 31, 31]
    assert aim(results, "cold answer: **trigger**, token, to recipe of 2015") == ["1.00", "≤ 1", "reached"]


def test_more_requests_a_second_are_better(results):
    load = results["load"]
    for label, requests, refused in ("bare", 900, 0), ("webhook", 1000, 200):
        load[label].update(requests=requests, seconds=10)
        load[label]["errors"]["refused"] = refused
    what = "requests a second under load, durable: **trigger**, to webhook "
    assert aim(results, what) == ["1.12", "≥ 1", "reached"]
    load["webhook"]["errors"]["refused"] = 0
    assert aim(results, what) == ["0.90", "≥ 1", "**missed**"]


@pytest.mark.parametrize("label", report.OURS)
@pytest.mark.parametrize("harm", ["reset", "lost", "twice", "lost under load", "reset under load"])
def test_one_harmed_request_of_ours_is_told(results, label, harm):
    assert aim(results, "lost, reset or failed") == ["0", "0", "reached"]
    burst, load = results["bursts"][label]["rounds"][1], results["load"][label]
    if harm == "reset":
        burst["errors"]["ConnectionResetError"] = 1
    elif harm == "lost":
        burst["answered_not_run"] = 1
    elif harm == "twice":
        burst["run_twice"] = 1
    elif harm == "lost under load":
        load["ran"] = load["requests"] - 1
    else:
        load["errors"]["read"] = 1
    assert aim(results, "lost, reset or failed") == ["1", "0", "**missed**"]


def test_parts_that_were_not_measured_are_left_out(results):
    told = report.text({"machine": results["machine"], "single": results["single"]})
    assert "One client at a time" in told
    assert "at once" not in told
    assert "role" not in told
    assert set(plots.drawings({"machine": results["machine"], "single": results["single"]})) == {"cold"}


def test_the_page_keeps_what_stands_around_the_tables(results, tmp_path):
    (tmp_path / "images").mkdir()
    page = tmp_path / "benchmarks.md"
    page.write_text(f"before\n{report.BEGIN}\nold\n{report.END}\nbehind\n")
    report.write(results, tmp_path)
    assert page.read_text() == f"before\n{report.BEGIN}\n{TABLES}{report.END}\nbehind\n"
    drawn = {path.name for path in (tmp_path / "images").iterdir()}
    assert drawn == {"bench-cold.svg", "bench-burst.svg", "bench-endpoints.svg", "bench-hosts.svg"}


def test_the_page_shows_every_plot_that_is_made(results):
    page = (Path(__file__).parents[2] / "docs/benchmarks.md").read_text()
    assert set(re.findall(r"images/bench-(\w+)\.svg", page)) == set(plots.drawings(results))


def test_a_curve_ends_at_the_share_of_clients_that_were_answered(results):
    rounds = results["bursts"]["webhook"]["rounds"]
    for told in rounds:
        told["milliseconds"] = told["milliseconds"][: told["clients"] // 4]
    drawing = ElementTree.fromstring(plots.drawings(results)["burst"])
    # the legend has the same classes, further down
    drawn = reversed(list(drawing.iter("{http://www.w3.org/2000/svg}path")))
    paths = {path.get("class"): path.get("d") for path in drawn}
    top, bottom = plots.TOP, plots.HEIGHT - plots.BOTTOM
    ends = {name: float(re.findall(r"V([\d.]+)$", paths[name])[0]) for name in ("webhook", "ours")}
    assert ends["webhook"] == pytest.approx(bottom - (bottom - top) / 4, abs=0.1)
    assert ends["ours"] == top


def test_the_medians_of_the_fixture_are_what_the_table_says(results):
    warm = results["single"]["warm"]["webhook"]["milliseconds"]
    assert re.search(rf"\| webhook \|.*\| {median(warm):.1f} ms \|", TABLES)
