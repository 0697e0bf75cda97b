"""Makes tables in Markdown from raw results of bench/run, and docs/benchmarks.md with its plots."""

from collections import Counter
from statistics import median

import plots

BEGIN, END = "<!-- begin: results -->", "<!-- end: results -->"
# By the names that the raw results have.
TITLES = {
    "floor": "static C program, the floor",
    "recipe": "recipe of 2015",
    "webhook": "webhook",
    "webhook-close": "webhook, a connection each",
    "webhook-durable": "webhook, durable",
    "webhook-contained": "webhook, systemd-run",
    "webhook-signed": "webhook, HMAC",
    "fcgiwrap": "fcgiwrap behind nginx",
    "bare": "**trigger**",
    "token": "**trigger**, token",
    "signed": "**trigger**, HMAC, parameters",
    "front": "**trigger**, nginx with TLS",
}
OURS = ("bare", "token", "signed", "front")


def text(results):
    """All tables for which there are results."""
    sections = {"single": one_client, "bursts": bursts, "load": load, "cost": cost, "role": role, "queue": queue}
    parts = [ratios(results), *(make(results) for part, make in sections.items() if part in results)]
    return "\n\n".join([*filter(None, parts), machine(results)]) + "\n"


def write(results, folder):
    """Put the tables between the markers of benchmarks.md in a folder, pathlib.Path, and the plots beside it."""
    page = folder / "benchmarks.md"
    before, _, rest = page.read_text().partition(BEGIN)
    page.write_text(f"{before}{BEGIN}\n{text(results)}{END}{rest.partition(END)[2]}")
    for name, drawing in plots.drawings(results).items():
        (folder / "images" / f"bench-{name}.svg").write_text(drawing)


def table(head, rows):
    """Rows of cells, of which the first is text and the others are numbers or the like."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def ms(values, summary=median):
    """Milliseconds, or a dash where nothing was measured."""
    if not values:
        return "-"
    value = summary(values)
    return f"{value:.1f} ms" if value < 100 else f"{value:.0f} ms"


def p99(values):
    return percentile(values, 0.99)


def p90(values):
    return percentile(values, 0.9)


def tell(errors):
    """Which errors how often: text."""
    found = ", ".join(f"{count} {error}" for error, count in errors.items() if count)
    return found.replace("ConnectionResetError", "reset") or "0"


def mib(kib):
    return f"{kib / 1024:.1f} MiB" if kib else "0"


# Ratios -----------------------------------------------------------------------------------------------------------


def ratios(results):
    rows = [*cold_ratios(results), *run_ratios(results), *crowd_ratios(results), *role_ratios(results)]
    told = [[what, shown, aim, "reached" if reached else "**missed**"] for what, shown, aim, reached in rows]
    return "### Ratios and aims\n" + table(["", "measured", "aim", ""], told) if told else ""


def at_most(what, ratio, limit):
    return what, f"{ratio:.2f}", f"≤ {limit:g}", ratio <= limit


def cold_ratios(results):
    cold = {label: median(told["milliseconds"]) for label, told in results.get("single", {}).get("cold", {}).items()}
    for label in ("token", "signed") if cold else ():
        for peer, limit in (("recipe", 1.0), ("floor", 2.5)):
            yield at_most(f"cold answer: {TITLES[label]}, to {TITLES[peer]}", cold[label] / cold[peer], limit)


def run_ratios(results):
    """From the answer to the job, and what a run takes."""
    if "single" in results:
        single = results["single"]
        for kind, limit in (("warm", 5), ("cold", 50)):
            value = median(single[kind]["bare"]["job_start"])
            yield f"from the answer to the job, {kind}", f"{value:.1f} ms", f"≤ {limit} ms", value <= limit
        value = median(single["with_wait"]["above_the_job"])
        yield "an answer with `wait`, above the job's own time", f"{value:.1f} ms", "≤ 15 ms", value <= 15
    if "cost" in results:
        value = median(results["cost"]["processor_time"]["warm"]["bare"])
        yield "processor for a request and its run, warm", f"{value:.1f} ms", "≤ 32 ms", value <= 32
    if "queue" in results:
        told = results["queue"]
        value = told["runs_per_second"]
        yield "runs a second of a queue", f"{value:.1f}", "≥ 35", value >= 35
        if told.get("contained_per_second"):
            ratio = value / told["contained_per_second"]
            yield f"the same, to {TITLES['webhook-contained']}", f"{ratio:.2f}", "≥ 1", ratio >= 1


def crowd_ratios(results):
    if "load" in results:
        rates = {label: rate(told) for label, told in results["load"].items()}
        for ours, theirs in (("bare", "webhook"), ("bare", "webhook-close"), ("signed", "webhook-signed")):
            ratio = rates[ours] / rates[theirs]
            what = f"requests a second under load, durable: {TITLES[ours]}, to {TITLES[theirs]}"
            yield what, f"{ratio:.2f}", "≥ 1", ratio >= 1
        if rates.get("webhook-durable"):
            ratio = rates["bare"] / rates["webhook-durable"]
            what = f"requests a second under load: {TITLES['bare']}, to {TITLES['webhook-durable']}"
            yield what, f"{ratio:.2f}", "≥ 1.5", ratio >= 1.5
    if "bursts" in results:
        for ours, theirs in (("bare", "webhook"), ("signed", "webhook-signed")):
            ratio = of_rounds(results, ours, burst_p99) / of_rounds(results, theirs, burst_p99)
            yield f"p99 of a burst: {TITLES[ours]}, to {TITLES[theirs]}", f"{ratio:.2f}", "< 1", ratio < 1
    lost = harm(results)
    if lost is not None:
        yield "lost, reset or failed, of all **trigger** in all bursts and loads", lost, "0", lost == 0


def harm(results):
    """Of ours: clients without a good answer, and requests that were answered and have not run or ran twice."""
    if not {"bursts", "load"} & set(results):
        return None
    count = 0
    for label in OURS:
        for told in results.get("bursts", {}).get(label, {"rounds": []})["rounds"]:
            count += sum(told["errors"].values()) + told["answered_not_run"] + told["run_twice"]
        if "load" in results:
            told = results["load"][label]
            count += sum(told["errors"].values()) + max(0, accepted(told) - told["ran"]) + told["run_twice"]
    return count


def role_ratios(results):
    seconds = results.get("role", {}).get("endpoints", {})
    for index, which in enumerate(("first", "second") if seconds else ()):
        yield at_most(f"role, {which} run: 100 endpoints, to 1", seconds["100"][index] / seconds["1"][index], 3)


# Tables -----------------------------------------------------------------------------------------------------------


def one_client(results):
    single = results["single"]
    rows = []
    for label, title in TITLES.items():
        cold, warm = (single[kind].get(label) for kind in ("cold", "warm"))
        if cold or warm:
            cold, warm = (told or {"milliseconds": [], "job_start": [], "errors": {}} for told in (cold, warm))
            busy = single["during_a_job"].get(label, {"milliseconds": []})
            rows.append(
                [
                    title,
                    ms(cold["milliseconds"]),
                    ms(cold["milliseconds"], p90),
                    ms(warm["milliseconds"]),
                    ms(warm["milliseconds"], p90),
                    ms(cold["job_start"]),
                    ms(warm["job_start"]),
                    ms(busy["milliseconds"]),
                    tell(Counter(cold["errors"]) + Counter(warm["errors"])),
                ]
            )
    rounds = len(single["cold"]["bare"]["milliseconds"])
    head = ["", "cold", "p90", "warm", "p90", "job after cold", "job after warm", "during a job of 1 s", "errors"]
    return (
        f"### One client at a time, {rounds} times\n{table(head, rows)}\n\n"
        f"An answer of ours with `wait`, above the job's own time: {ms(single['with_wait']['above_the_job'])}."
    )


def burst_p99(told):
    return percentile(told["milliseconds"], 0.99)


def of_rounds(results, label, value):
    """The median of the rounds."""
    return median(value(told) for told in results["bursts"][label]["rounds"])


def bursts(results):
    rows = []
    for label, title in TITLES.items():
        if label not in results["bursts"]:
            continue
        burst = results["bursts"][label]
        rounds = burst["rounds"]
        answered = [told["milliseconds"] for told in rounds if told["milliseconds"]]
        ran = "runs" in rounds[0]
        rows.append(
            [
                title,
                tell(max((told["errors"] for told in rounds), key=lambda errors: sum(errors.values()))),
                f"{median(len(told['milliseconds']) / told['seconds'] for told in rounds):.0f}",
                ms([median(values) for values in answered]),
                ms([p99(values) for values in answered]),
                f"{median(told['runs'] for told in rounds):.0f}" if ran else "-",
                sum(told["answered_not_run"] for told in rounds) if ran else "-",
                sum(told["run_twice"] for told in rounds) if ran else "-",
                mib(burst["peak_kib"]),
                burst["peak_processes"],
            ]
        )
    head = ["", "errors", "accepted a second", "p50", "p99", "runs", "lost", "twice", "peak memory", "processes"]
    return f"### {rounds[0]['clients']} clients at once, {len(rounds)} times\n{table(head, rows)}"


def accepted(told):
    """How many good answers a load had. wrk counts an answer behind which the connection is reset, too."""
    return max(0, told["requests"] - sum(told["errors"].values()))


def rate(told):
    """Of them, how many a second."""
    return accepted(told) / told["seconds"]


def load(results):
    rows = []
    for label, title in TITLES.items():
        if label in results["load"]:
            told = results["load"][label]
            at = told["milliseconds_at_percent"]
            ran = [told["ran"], told["runs"]] if "ran" in told else ["-", "-"]
            rows.append(
                [title, f"{rate(told):.0f}", ms([at[49]]), ms([at[98]]), tell(told["errors"]), accepted(told), *ran]
            )
    head = ["", "accepted a second", "p50", "p99", "errors", "accepted", "of them ran", "runs"]
    return f"### Load for {results['seconds']} s, 32 connections\n{table(head, rows)}"


def cost(results):
    idle, used = results["cost"]["idle"], results["cost"]["processor_time"]
    rows = []
    for label, title in TITLES.items():
        if label in used["cold"] or label in used["warm"]:
            at_rest = idle.get(label)
            seen = [at_rest["processes"], mib(at_rest["kib"])] if at_rest else ["", ""]
            rows.append([title, *seen, ms(used["cold"].get(label)), ms(used["warm"].get(label))])
    lingering, ready = (mib(idle[kind]["kib"]) for kind in ("lingering", "ready"))
    return (
        "### What it takes\n"
        + table(["", "idle processes", "idle memory", "processor, cold", "processor, warm"], rows)
        + f"\n\nIdle: {idle['endpoints']} endpoints of ours. An acceptor that lingers: {lingering}; a dispatcher and a "
        f"runner that stand ready: {ready}."
    )


def role(results):
    told = results["role"]
    rows = [
        [name, *(f"{seconds:.1f} s" for seconds in taken)]
        for name, taken in [
            *((f"role, {many(count, 'endpoint')}", taken) for count, taken in told["endpoints"].items()),
            *((f"loop of `template`, {many(count, 'endpoint')}", taken) for count, taken in told["loop"].items()),
            *(
                (f"role, 10 endpoints on {'one host' if count == '1' else f'each of {count} hosts'}", taken)
                for count, taken in told["hosts"].items()
            ),
        ]
    ]
    return f"### The role, whole `ansible-playbook` run\n{table(['', 'first run', 'second run'], rows)}"


def many(count, thing):
    return f"{count} {thing}" if count == "1" else f"{count} {thing}s"


def queue(results):
    told = results["queue"]
    return (
        f"### A queue\n{told['requests']} requests, {told['accepted']} accepted, {told['runs']} runs, "
        f"{told['answered_not_run']} lost, {told['run_twice']} twice, "
        f"{'in the order of acceptance' if told['in_order'] else '**not in order**'}, "
        f"{told['runs_per_second']:.1f} runs a second."
    )


def machine(results):
    told = results["machine"]
    return (
        f"{told['when']}, commit {told['commit']}: Debian {told['suite']} ({', '.join(told['versions'])}), "
        f"Linux {told['kernel']}, {told['processors']}, load {told['load']:.1f} at the start."
    )


def profile(results):
    """Each variant in milliseconds over the floor, and what it changes against the shipped unit; then the programs
    without systemd."""
    variants = results["profile"]["variants"]
    floor = median(variants["floor"]["milliseconds"])
    shipped = variants["shipped"]["milliseconds"]
    rows = []
    for name, variant in variants.items():
        values = variant["milliseconds"]
        # the difference within a round, so that a noisy moment does not count for one of them alone
        change = median(a - b for a, b in zip(values, shipped))
        rows.append([name, f"{median(values) - floor:.1f} ms", f"{change:+.1f} ms", variant["exposure"]])
    head = [f"{len(shipped)} rounds; the floor: {floor:.1f} ms", "over floor", "to shipped", "exposure"]
    alone = results["profile"]["alone"]
    programs = [[name, ms(values), ms(values, p90)] for name, values in alone.items()]
    return "\n\n".join([table(head, rows), table(["without systemd", "median", "p90"], programs), machine(results)])
