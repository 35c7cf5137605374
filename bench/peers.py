#!/usr/bin/env python3
"""Clients side by side: each against a simulator of its own with the same seed and schedule, in
rounds, in turned order. `tools/dev bench peers` builds all and calls this.

    peers.py BUILD_FOLDER [--seconds S] [--rounds N] [--rate F] [--pacing P] [--clients A,B]
                          --out FOLDER [--readme FILE] [--settle SECONDS]

Latency is from when a frame was due (its time stamp) to the callback, open-loop: what a client that
falls behind keeps waiting counts. Writes peers.json, peers.txt and peers.svg to the output folder,
and the table between the marks of the README file. Method and limits: bench/README.md.
"""

import argparse
import array
import datetime
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
from html import escape
from pathlib import Path

import results

MARKETS = 10
WARMUP_S = 2.0
PERCENTILES = (("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999))
# Of six frames four are books and one is a trade; the sixth, a ticker, nobody asks for.
SHARES = {"trade": 1 / 6, "orderbook": 4 / 6}

CLIENTS = {
    "upfeed": ("upfeed, park", ["peers_upfeed"], "park"),
    "upfeed_spin": ("upfeed, spin", ["peers_upfeed"], "spin"),
    "floor": ("floor: OpenSSL, no parsing", ["peers_floor"], ""),
    "beast": ("Beast + nlohmann-json", ["peers_beast"], ""),
    "tardis": ("tardis-dev (node)", ["node", "tardis_client.mjs"], ""),
    "ccxt": ("ccxt (node)", ["node", "ccxt_client.mjs"], ""),
}
OURS = "upfeed"


def quantile(ordered, fraction):
    """The smallest value that `fraction` of all do not exceed."""
    return ordered[max(math.ceil(fraction * len(ordered)), 1) - 1]


class Simulator:
    """`upfeed sim` for one client."""

    def __init__(self, folder, options):
        self.process = subprocess.Popen(
            [folder / "upfeed", "sim", "--json", "--stamp-due", "--pacing", options.pacing, "--fps",
             str(options.rate), "--seed", "1", "--codes-krw", str(MARKETS), "--codes-btc", "0",
             "--codes-usdt", "0"], stdout=subprocess.PIPE, text=True)
        self.ready = json.loads(self.process.stdout.readline())

    def __enter__(self):
        return self.ready

    def __exit__(self, *_):
        self.process.terminate()
        self.process.communicate()


def codes_of(folder):
    """The simulator's market, as a client sees it."""
    listed = subprocess.run(
        [folder / "upfeed", "markets", "--endpoint", "sim", "--quote", "KRW", "--json"],
        capture_output=True, text=True, check=True).stdout
    return [json.loads(line)["code"] for line in listed.splitlines()][:MARKETS]


def run_client(folder, options, name, codes):
    """One client, one run: its JSON and all its latencies in microseconds."""
    _, command, option = CLIENTS[name]
    here = folder / "bench" / "peers"
    words = [str(here / word) if (here / word).exists() else word for word in command]
    with tempfile.TemporaryDirectory(prefix="upfeed-peers-") as scratch:
        samples = Path(scratch) / "samples"
        with Simulator(folder, options) as ready:
            words += [str(ready["port"]), ready["ca_file"], str(ready["clock_offset_us"]),
                      str(WARMUP_S), str(options.seconds), str(samples), ",".join(codes)]
            done = subprocess.run(
                words + ([option] if option else []), capture_output=True, text=True,
                env={**os.environ, "NODE_EXTRA_CA_CERTS": ready["ca_file"]},
                timeout=options.seconds * 4 + 120, check=False)
        if done.returncode != 0:
            sys.exit(f"peers: {name} ended with {done.returncode}: {done.stderr.strip()[-500:]}")
        latencies = array.array("d")
        latencies.frombytes(samples.read_bytes())
    result = json.loads(done.stdout.splitlines()[-1])
    result["latencies"] = sorted(latencies)
    return result


def node_version():
    try:
        return subprocess.run(["node", "--version"], capture_output=True, text=True,
                              check=True).stdout.strip()
    except FileNotFoundError:
        return "missing"


def summarize(name, runs, ours, options):
    """The figures of one client: medians over its runs, ratios within each round."""
    due = {kind: share * options.rate * options.seconds for kind, share in SHARES.items()}
    row = {"client": name, "title": CLIENTS[name][0], "rounds": len(runs)}
    for label, fraction in PERCENTILES:
        values = [quantile(run["latencies"], fraction) for run in runs]
        row[label + "_us"] = round(statistics.median(values), 1)
        row[label + "_us_range"] = [round(min(values), 1), round(max(values), 1)]
    for label, fraction in (PERCENTILES[0], PERCENTILES[2]):
        row[label + "_ratio"] = round(statistics.median(
            quantile(run["latencies"], fraction) / quantile(own["latencies"], fraction)
            for run, own in zip(runs, ours)), 2)
    row["cpu_seconds"] = round(statistics.median(run["cpu_seconds"] for run in runs), 3)
    row["cpu_percent"] = round(row["cpu_seconds"] / options.seconds * 100, 1)
    for kind in SHARES:
        row[kind] = round(statistics.median(run[kind] for run in runs))
        row[kind + "_percent"] = round(row[kind] / due[kind] * 100, 1)
    return row


def markdown(rows, about):
    lines = ["| client | p50 | p99 | p50 to ours | CPU, % of a core | trades | books |",
             "|---|---|---|---|---|---|---|"]
    for row in rows:
        lines.append("| {title} | {p50_us:,.0f} us | {p99_us:,.0f} us | {p50_ratio:.2f} | "
                     "{cpu_percent:.1f} | {trade_percent:.0f} % | {orderbook_percent:.0f} % |"
                     .format(**row))
    return "\n".join(lines + ["", about]) + "\n"


def about_text(report):
    return ("`tools/dev bench peers`, {date}: medians of {rounds} rounds of {seconds:g} s, "
            "{markets} markets, {rate:g} frames/s {pacing}; from when a frame was due to its "
            "callback; trades and books: delivered of those due. ".format(**report["settings"]) +
            results.machine_text(report["machine"]) + ", node " + report["node"] +
            "; client and simulator share the cores." +
            results.busy_text(report["load_before"]))


# ---- the picture ---------------------------------------------------------------------------------

SVG_STYLE = """
text { font: 13px system-ui, "Segoe UI", Roboto, Arial, sans-serif; fill: #5c5c66; }
.title { font-size: 17px; font-weight: 600; fill: #17171a; } .name { fill: #17171a; }
.page { fill: #ffffff; } .grid { stroke: #e3e3df; } polyline, .key { fill: none; stroke-width: 2; }
.c0 { stroke: #2563c9; stroke-width: 3; } .c1 { stroke: #6d9be8; } .c2 { stroke: #8b8b96;
 stroke-dasharray: 5 4; } .c3 { stroke: #c2570c; } .c4 { stroke: #0f8a6a; } .c5 { stroke: #7a4bc4; }
@media (prefers-color-scheme: dark) { text { fill: #a0a0ab; } .title, .name { fill: #ececf0; }
 .page { fill: #1c1c20; } .grid { stroke: #34343b; } .c0 { stroke: #6ea3f5; }
 .c1 { stroke: #3f6db8; } .c3 { stroke: #f0935a; } .c4 { stroke: #4cc9a3; }
 .c5 { stroke: #b294ee; } }
"""
WIDTH, HEIGHT = 960, 460
LEFT, RIGHT, TOP, BOTTOM = 70, 710, 60, 410


def duration(us):
    for unit, size in (("s", 1e6), ("ms", 1e3)):
        if us >= size:
            return f"{us / size:g} {unit}"
    return f"{us:g} us"


def steps(low, high):
    """1, 2, 5, 10, ... around [low, high]."""
    found = [base * 10 ** power for power in range(-1, 9) for base in (1, 2, 5)]
    first = max(i for i, step in enumerate(found) if step <= low or i == 0)
    last = min(i for i, step in enumerate(found) if step >= high or i == len(found) - 1)
    return found[first:last + 1]


def picture(pooled, busy):
    """Latency by percentile of every client, all rounds together."""
    shown = {name: values for name, values in pooled.items() if values}
    rarest = min(min(len(values) for values in shown.values()), 1e5)
    rows = steps(min(quantile(values, 0.02) for values in shown.values()),
                 max(quantile(values, 1 - 1 / rarest) for values in shown.values()))
    def x_of(one_in):
        return LEFT + (RIGHT - LEFT) * math.log(one_in) / math.log(rarest)
    def y_of(us):
        bounded = min(max(us, rows[0]), rows[-1])
        return BOTTOM - (BOTTOM - TOP) * math.log(bounded / rows[0]) / math.log(rows[-1] / rows[0])
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
           f'aria-label="Latency by percentile">', f"<style>{SVG_STYLE}</style>",
           f'<rect class="page" width="{WIDTH}" height="{HEIGHT}" rx="10"/>']
    def text(css, x, y, anchor, content):
        out.append(f'<text class="{css}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">'
                   f"{escape(content)}</text>")
    text("title", LEFT, 32, "start", "From a frame's due time to the callback"
         + (" (busy machine)" if busy else ""))
    for us in rows:
        out.append(f'<line class="grid" x1="{LEFT}" x2="{RIGHT}" y1="{y_of(us):.1f}" '
                   f'y2="{y_of(us):.1f}"/>')
        text("tick", LEFT - 10, y_of(us) + 4, "end", duration(us))
    for label, one_in in (("p50", 2), ("p90", 10), ("p99", 100), ("p99.9", 1e3), ("p99.99", 1e4)):
        if one_in <= rarest:
            out.append(f'<line class="grid" x1="{x_of(one_in):.1f}" x2="{x_of(one_in):.1f}" '
                       f'y1="{TOP}" y2="{BOTTOM}"/>')
            text("tick", x_of(one_in), BOTTOM + 22, "middle", label)
    ends = []
    for name, values in shown.items():
        color = f"c{list(CLIENTS).index(name)}"
        points = []
        for step in range(201):
            one_in = rarest ** (step / 200)
            us = quantile(values, max(1 - 1 / one_in, 1e-9))
            points.append(f"{x_of(one_in):.1f},{y_of(us):.1f}")
        out.append(f'<polyline class="{color}" points="{" ".join(points)}"/>')
        ends.append([float(points[-1].split(",")[1]), color, CLIENTS[name][0]])
    lowest = BOTTOM + 4
    for end in sorted(ends, reverse=True):
        y = lowest = min(end[0], lowest)
        lowest -= 20
        out.append(f'<line class="key {end[1]}" x1="{RIGHT + 12}" x2="{RIGHT + 34}" y1="{y:.1f}" '
                   f'y2="{y:.1f}"/>')
        text("name", RIGHT + 42, y + 4, "start", end[2])
    return "\n".join(out + ["</svg>"]) + "\n"


# ---- the run -------------------------------------------------------------------------------------

def measure(options, names):
    codes = codes_of(options.folder)
    runs = {name: [] for name in names}
    for index in range(options.rounds):
        turned = names[index % len(names):] + names[:index % len(names)]
        for name in turned:
            result = run_client(options.folder, options, name, codes)
            runs[name].append(result)
            print(f"peers: round {index + 1}/{options.rounds} {name}: p50 "
                  f"{quantile(result['latencies'], 0.5):.0f} us, CPU {result['cpu_seconds']:.2f} s",
                  file=sys.stderr)
    return runs


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=lambda text: Path(text).resolve())
    parser.add_argument("--seconds", type=float, default=10, help="of each run")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--rate", type=float, default=1200,
                        help="frames a second, tickers included")
    parser.add_argument("--pacing", choices=("even", "burst", "market"), default="even")
    parser.add_argument("--clients", default=",".join(CLIENTS),
                        help="some of " + ", ".join(CLIENTS))
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--readme", type=Path)
    parser.add_argument("--settle", type=float, default=results.SETTLE_S, metavar="SECONDS",
                        help="wait so long for a busy machine to come to rest; default %(default)s")
    options = parser.parse_args()
    names = options.clients.split(",")
    for name in names:
        if name not in CLIENTS:
            parser.error(f"--clients: there is no {name}; there are {', '.join(CLIENTS)}")
    if OURS not in names:
        parser.error(f"--clients: {OURS} is what the others are compared with")
    load_before = results.load(options.settle)
    runs = measure(options, names)
    rows = [summarize(name, runs[name], runs[OURS], options) for name in names]
    report = {
        "settings": {"seconds": options.seconds, "rounds": options.rounds, "rate": options.rate,
                     "pacing": options.pacing, "markets": MARKETS, "warmup_seconds": WARMUP_S,
                     "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d")},
        "machine": results.machine(options.folder), "node": node_version(),
        "load_before": load_before, "busy": results.is_busy(load_before), "clients": rows}
    table = markdown(rows, about_text(report))
    results.keep(options.out, "peers", report, table)
    pooled = {name: sorted(us for run in runs[name] for us in run["latencies"]) for name in names}
    (options.out / "peers.svg").write_text(picture(pooled, report["busy"]), encoding="utf-8")
    if options.readme:
        results.update_readme(options.readme, "peers", f"{table}\n![Latency by percentile of each "
                              "client](bench/results/peers.svg)")
    print(table, end="")


if __name__ == "__main__":
    main()
