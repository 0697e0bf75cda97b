"""Draws raw results of bench/run as SVG. Colours follow the reader's light or dark theme."""

import math
from html import escape

WIDTH, HEIGHT = 760, 400
LEFT, RIGHT, TOP, BOTTOM = 64, 190, 56, 52  # room for labels beside the plane
# of each name: its colour on light ground, on dark ground
COLOURS = {
    "ours": ("#0a58ca", "#6ea8fe"),
    "ours2": ("#0f8a8a", "#4fd1c5"),
    "ours3": ("#5b3fc4", "#b197fc"),
    "ours4": ("#b0228c", "#f783d0"),
    "recipe": ("#b3470b", "#ff9d5c"),
    "webhook": ("#257a2f", "#69db7c"),
    "fcgiwrap": ("#8a6d00", "#ffd43b"),
    "floor": ("#6b7280", "#9ca3af"),
}
PEERS = {
    "floor": ("C program, the floor", "floor"),
    "recipe": ("recipe of 2015", "recipe"),
    "webhook": ("webhook", "webhook"),
    "fcgiwrap": ("fcgiwrap, nginx", "fcgiwrap"),
    "bare": ("trigger", "ours"),
    "token": ("trigger, token", "ours2"),
    "signed": ("trigger, HMAC", "ours3"),
    "front": ("trigger, nginx, TLS", "ours4"),
}


def drawings(results):
    """The plots for which there are results: name to SVG text."""
    found = {}
    if "single" in results:
        found["cold"] = cold_answers(results["single"]["cold"])
    if "bursts" in results:
        found["burst"] = burst_answers(results["bursts"])
    if "role" in results:
        found["endpoints"] = role_endpoints(results["role"])
        found["hosts"] = role_hosts(results["role"])
    return found


def cold_answers(cold):
    curves = [(*PEERS[label], share(cold[label]["milliseconds"])) for label in PEERS if label in cold]
    # the slowest twentieth of each may lie beyond the edge
    furthest = max(sorted(told["milliseconds"])[int(len(told["milliseconds"]) * 0.95)] for told in cold.values())
    x = Axis("connect to end of the answer, ms", 0, furthest)
    return draw("Cold answer: no process is there when the client comes", x, percent("clients answered"), curves, True)


def burst_answers(bursts):
    curves = []
    for label in ("recipe", "webhook", "fcgiwrap", "bare", "signed"):
        rounds = bursts[label]["rounds"]
        values = sorted(value for told in rounds for value in told["milliseconds"])
        curves.append((*PEERS[label], share(values, sum(told["clients"] for told in rounds))))
    clients = bursts["bare"]["rounds"][0]["clients"]
    times = [time for _, _, points in curves for time, _ in points]
    x = Axis("connect to end of the answer, ms", min(times), max(times), log=True)
    title = f"{clients} clients at once: who has a good answer by when"
    return draw(title, x, percent("clients answered"), curves, True)


def role_endpoints(role):
    curves = [
        ("role, first run", "ours", over(role["endpoints"], 0)),
        ("role, second run", "ours2", over(role["endpoints"], 1)),
        ("loop, first run", "recipe", over(role["loop"], 0)),
        ("loop, second run", "fcgiwrap", over(role["loop"], 1)),
    ]
    seconds = [y for _, _, points in curves for _, y in points]
    x = Axis("endpoints on one host", 1, max(map(int, role["endpoints"])), log=True)
    y = Axis("seconds", min(seconds), max(seconds), log=True)
    return draw("ansible-playbook: the role, and a loop of template tasks", x, y, curves)


def role_hosts(role):
    curves = [("first run", "ours", over(role["hosts"], 0)), ("second run", "ours2", over(role["hosts"], 1))]
    highest = max(y for _, _, points in curves for _, y in points)
    x = Axis("hosts, 10 endpoints on each", 0, max(map(int, role["hosts"])), ticks=[0, *map(int, role["hosts"])])
    return draw("ansible-playbook: the role on several hosts", x, Axis("seconds", 0, highest), curves)


def over(taken, index):
    return [(int(count), seconds[index]) for count, seconds in taken.items()]


def share(values, count=None):
    """Steps of the distribution: which share of `count` has come by then, in percent."""
    count = count or len(values)
    return [(value, 100 * (number + 1) / count) for number, value in enumerate(sorted(values))]


class Axis:
    """label: str. low, high: the range of values, widened to the ticks around it: 1, 2 and 5 times a power of ten where
    the axis is logarithmic, and four to ten even steps from 0 where it is not."""

    def __init__(self, label, low, high, log=False, ticks=None):
        self.label, self.log = label, log
        steps = [step * 10.0**power for power in range(-3, 7) for step in (1, 2, 5)]
        if log:
            first, last = max(step for step in steps if step <= low), min(step for step in steps if step >= high)
            self.ticks = [step for step in steps if first <= step <= last]
        else:
            step = min(step for step in steps if step * 8 >= high)
            self.ticks = ticks or [step * number for number in range(math.ceil(high / step) + 1)]
        self.low, self.high = self.ticks[0], self.ticks[-1]

    def at(self, value):
        """Where a value lies between the ends, 0 to 1; beyond them at the end."""
        low, high = self.low, self.high
        value = min(max(value, low), high)
        if self.log:
            low, high, value = math.log(low), math.log(high), math.log(value)
        return (value - low) / (high - low)


def percent(label):
    return Axis(f"% of {label}", 0, 100, ticks=[0, 20, 40, 60, 80, 100])


def draw(title, x, y, curves, stepped=False):
    """One SVG. curves: list of (label, colour's name, list of (x, y))."""
    parts = [style({colour for _, colour, _ in curves}), text(LEFT, 22, title, "title"), *grid(x, y)]
    ends = []
    for label, colour, points in curves:
        if points:
            parts.append(curve(x, y, colour, points, stepped))
        ends.append((place(x, y, *points[-1])[1] if points else HEIGHT - BOTTOM, label, colour))
    parts += legend(ends) if stepped else [text(WIDTH - RIGHT + 10, at + 4, *told) for at, *told in apart(ends)]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
        f'role="img" aria-label="{escape(title)}">\n' + "\n".join(parts) + "\n</svg>\n"
    )


def place(x, y, a, b):
    return (
        round(LEFT + x.at(a) * (WIDTH - LEFT - RIGHT), 1),
        round(HEIGHT - BOTTOM - y.at(b) * (HEIGHT - TOP - BOTTOM), 1),
    )


def curve(x, y, colour, points, stepped):
    if stepped:
        # thinned to what can be seen
        points = [point for number, point in enumerate(points) if number % (len(points) // 200 + 1) == 0] + [points[-1]]
        steps = "".join(f"H{a}V{b}" for a, b in (place(x, y, *point) for point in points if point[0] <= x.high))
        return f'<path class="{colour}" d="M{place(x, y, *points[0])[0]} {HEIGHT - BOTTOM}{steps}"/>'
    spots = [place(x, y, *point) for point in points]
    line = f'<path class="{colour}" d="M' + "L".join(f"{a} {b}" for a, b in spots) + '"/>'
    return line + "".join(f'<circle class="{colour}" cx="{a}" cy="{b}" r="3.5"/>' for a, b in spots)


def legend(ends):
    """The curves' labels, in their order."""
    left = WIDTH - RIGHT + 16
    for number, (_, label, colour) in enumerate(ends):
        top = TOP + 12 + 22 * number
        yield f'<path class="{colour}" d="M{left} {top}h20"/>' + text(left + 28, top + 4, label)


def apart(ends, least=16):
    """Labels beside the ends of their curves, pushed downwards where they would overlap."""
    last = -least
    for at, label, colour in sorted(ends):
        last = max(at, last + least)
        yield last, label, colour


def grid(x, y):
    bottom, right = HEIGHT - BOTTOM, WIDTH - RIGHT
    for tick in y.ticks:
        at = place(x, y, x.low, tick)[1]
        yield f'<path class="grid" d="M{LEFT} {at}H{right}"/>' + text(LEFT - 8, at + 4, f"{tick:g}", "y")
    for tick in x.ticks:
        at = place(x, y, tick, y.low)[0]
        yield f'<path class="grid" d="M{at} {TOP}V{bottom}"/>' + text(at, bottom + 18, f"{tick:g}", "x")
    yield text((LEFT + right) / 2, HEIGHT - 10, x.label, "x")
    yield text(LEFT, TOP - 10, y.label)


def text(x, y, words, kind="label"):
    return f'<text class="{kind}" x="{x}" y="{y}">{escape(str(words))}</text>'


def style(names):
    def colours(dark):
        ink, line = ("#e6edf3", "#444c56") if dark else ("#1f2328", "#d5dae0")
        return f"text{{fill:{ink}}}.grid{{stroke:{line}}}" + "".join(
            f"path.{name}{{stroke:{COLOURS[name][dark]}}}circle.{name},text.{name}{{fill:{COLOURS[name][dark]}}}"
            for name in sorted(names)
        )

    return (
        "<style>text{font:13px system-ui,sans-serif}path{fill:none;stroke-width:2}.grid{stroke-width:1}"
        ".title{font-size:15px;font-weight:600}.x{text-anchor:middle}.y{text-anchor:end}"
        f"{colours(False)}@media(prefers-color-scheme:dark){{{colours(True)}}}</style>"
    )
