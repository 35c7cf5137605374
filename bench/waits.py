#!/usr/bin/env python3
"""What each wait policy costs in latency and CPU: `upfeed bench` of the whole market, live, in
rounds, in turned order. `tools/dev bench waits` builds it and calls this.

    waits.py BUILD_FOLDER [--seconds S] [--rounds N] [--rate F] [--markets N] --out FOLDER
                          [--readme FILE] [--settle SECONDS]
"""

import argparse
import datetime
import statistics
import sys
from pathlib import Path

import results

POLICIES = ("spin", "yield", "park")
PROFILES = ("burst", "even")


def summarize(wait, profile, runs):
    def median(of):
        return round(statistics.median(of(run) for run in runs), 2)
    row = {"wait": wait, "profile": profile}
    for stage in ("kernel_to_callback", "due_to_callback"):
        for percentile in ("p50", "p99"):
            row[f"{stage}_{percentile}_us"] = median(lambda r: r["latency_us"][stage][percentile])
    row["cpu_percent"] = median(lambda run: run["cpu_percent"])
    row["cpu_percent_range"] = [min(run["cpu_percent"] for run in runs),
                                max(run["cpu_percent"] for run in runs)]
    row["cpu_us_per_frame"] = median(lambda run: run["cpu_ns_per_frame"] / 1000)
    row["simulator_cpu_percent"] = median(
        lambda run: run["simulator_cpu_seconds"] / run["seconds"] * 100)
    for thread in ("io", "dispatcher"):
        row[f"{thread}_sleeps_per_frame"] = median(
            lambda run: run["threads"][thread]["sleeps"] / max(run["frames"], 1))
    row["lost"] = sum(run["counts"]["dropped"] + run["counts"]["conflated"] for run in runs)
    return row


def markdown(rows, report):
    lines = ["| wait | frames come | kernel > callback p50 / p99 | due > callback p50 / p99 "
             "| CPU of the feed | sleeps a frame, I/O + dispatcher |", "|---|---|---|---|---|---|"]
    for row in rows:
        lines.append(
            "| `{wait}` | {profile} | {kernel_to_callback_p50_us:,.0f} / "
            "{kernel_to_callback_p99_us:,.0f} us | {due_to_callback_p50_us:,.0f} / "
            "{due_to_callback_p99_us:,.0f} us | {cpu_percent:.1f} % of a core | "
            "{io_sleeps_per_frame:.2f} + {dispatcher_sleeps_per_frame:.2f} |".format(**row))
    settings = report["settings"]
    about = ("`tools/dev bench waits`, {date}: {markets} markets, {rate:g} frames/s, medians of "
             "{rounds} rounds of {seconds:g} s; nothing pinned. ".format(**settings) +
             results.machine_text(report["machine"]) + "." +
             results.busy_text(report["load_before"]))
    return "\n".join(lines + ["", about]) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=lambda text: Path(text).resolve())
    parser.add_argument("--seconds", type=float, default=10, help="of each run")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rate", type=float, default=1000)
    parser.add_argument("--markets", type=int, default=855)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--readme", type=Path)
    parser.add_argument("--settle", type=float, default=results.SETTLE_S, metavar="SECONDS",
                        help="wait so long for a busy machine to come to rest; default %(default)s")
    options = parser.parse_args()
    load_before = results.load(options.settle)
    cases = [(wait, profile) for wait in POLICIES for profile in PROFILES]
    runs = {case: [] for case in cases}
    for index in range(options.rounds):
        for wait, profile in cases[index % len(cases):] + cases[:index % len(cases)]:
            runs[wait, profile].append(results.bench(
                options.folder, "--wait", wait, "--profile", profile, "--seconds", options.seconds,
                "--rate", options.rate, "--markets", options.markets))
            print(f"waits: round {index + 1}/{options.rounds} {wait} {profile}", file=sys.stderr)
    rows = [summarize(wait, profile, runs[wait, profile]) for wait, profile in cases]
    report = {
        "settings": {"seconds": options.seconds, "rounds": options.rounds, "rate": options.rate,
                     "markets": options.markets,
                     "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d")},
        "machine": results.machine(options.folder), "load_before": load_before,
        "busy": results.is_busy(load_before), "cases": rows}
    table = markdown(rows, report)
    results.keep(options.out, "waits", report, table)
    if options.readme:
        results.update_readme(options.readme, "waits", table)
    print(table, end="")


if __name__ == "__main__":
    main()
