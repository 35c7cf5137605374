#!/usr/bin/env python3
"""The performance goals as one table: `tools/dev bench gates` builds the benchmarks and runs this.

Each row names a program of this folder, one of its benchmarks and one of its counters, with the
goal and the gate that the counter is held against. A new measurement becomes a row; nothing else
here needs to know it.

    rows -> per program one run with --benchmark_filter -> JSON -> counters -> verdicts -> table
"""

import argparse
import datetime
import json
import os
import platform
import re
import subprocess
import sys
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """goal, gate  what the value is held against: at most, or with `at_least` at least.
    inverse        the value is 1 / counter: the counter is ours to other, the value how many times
                   as fast we are.
    """

    group: str
    what: str
    program: str
    benchmark: str
    goal: float
    gate: float
    at_least: bool = False
    inverse: bool = False
    counter: str = "ratio"


def faster(group, what, benchmark, goal, gate):
    return Row(group, what, "decode", benchmark, goal, gate, at_least=True, inverse=True)


def book_rows():
    goals = {"avx512": (4.8, 4.0, 3.0, 4.3, 3.0, 2.2), "avx2": (2.0, 1.8, 1.8, 1.6, 1.6, 1.6),
             "scalar": (1.6, 1.6, 1.6, 1.3, 1.3, 1.3)}
    corpora = {"a_plain": 0, "b_default": 1, "c_default_krw_btc": 1, "d_default_btc_btt": 2,
               "e_simple": 1}
    return [faster("G1", f"order book {corpus}, {kernel}: times On-Demand",
                   f"orderbook/{corpus}/{kernel}/vs_on_demand", limits[column], limits[column + 3])
            for kernel, limits in goals.items() for corpus, column in corpora.items()]


def stream_rows():
    goals = {"ticker": (2.8, 2.2), "trade": (3.2, 2.4), "candle": (2.8, 2.2)}
    return [faster("G2", f"{kind} {wire}, {kernel}: times On-Demand",
                   f"{kind}/{wire}/{kernel}/vs_on_demand", *limits)
            for kind, limits in goals.items()
            for wire in ("default", "simple") for kernel in ("avx512", "avx2")]


def receive_rows():
    others = {"beast_async": ("Beast async", 0.25, 0.35), "beast_sync": ("Beast sync", 0.65, 0.75),
              "bare_recvmsg_and_ssl_read": ("bare recvmsg + SSL_read", 1.05, 1.12)}
    rows = [Row("G5", f"receive an order book to {name}", "receive", f"orderbook/single/vs_{other}",
                goal, gate) for other, (name, goal, gate) in others.items()]
    rows += [Row("G5", f"receive calls per frame, {what}", "receive",
                 f"orderbook/{how}/vs_bare_recvmsg_and_ssl_read", limit, limit,
                 counter="calls_per_frame")
             for what, how, limit in (("one a segment", "single", 1.0),
                                      ("ten a segment", "bursts_of_10", 0.99))]
    return rows


ROWS = [
    *book_rows(),
    *stream_rows(),
    Row("G4", "ring 56 B to an index ring",
        "ring", "round_trip_half/56/vs_index_ring", 0.80, 0.95),
    Row("G4", "ring 1 KB to an index ring",
        "ring", "round_trip_half/1024/vs_index_ring", 0.97, 1.05),
    Row("G4", "ring 8 B to a bare hop", "ring", "round_trip_half/8/vs_bare_hop", 1.5, 1.5),
    Row("G4", "ring 56 B to a bare hop", "ring", "round_trip_half/56/vs_bare_hop", 1.5, 1.5),
    *receive_rows(),
    Row("G6", "socket to callback to On-Demand, index ring, flat book", "pipeline",
        "socket_to_callback/vs_beast_on_demand_index_ring_flat_book", 0.40, 0.55),
    Row("G6", "socket to callback: times nlohmann, mutex, std::map", "pipeline",
        "socket_to_callback/vs_beast_nlohmann_mutex_queue_map", 20, 12, at_least=True,
        inverse=True),
    Row("G7", "book, 30 units, to a memcpy of the levels",
        "book", "apply_30_units/vs_memcpy_of_levels", 1.6, 2.5),
    Row("G7", "book, 30 units: times std::map",
        "book", "apply_30_units/vs_map_rebuild", 60, 40, at_least=True, inverse=True),
    Row("G8", "socket to callback, p99 / p50 of clean rounds", "pipeline",
        "socket_to_callback/vs_beast_on_demand_index_ring_flat_book", 3, 3, counter="p99_to_p50"),
    Row("G9", "memory to callback, frames a second", "pipeline", "memory_to_callback",
        1e6, 5e5, at_least=True, counter="per_s"),
]

# Goals that no ratio of one run can show, and what shows them.
ELSEWHERE = [
    ("G3", "no wrong accept, no fallback", "ctest --test-dir build-dev -R decode"),
]


def value_of(row, counters):
    value = counters[row.counter]
    low = counters.get(f"{row.counter}_q1", value)
    high = counters.get(f"{row.counter}_q3", value)
    if not row.inverse:
        return value, low, high
    return tuple(1 / each if each else float("inf") for each in (value, high, low))


def verdict_of(row, value):
    def within(limit):
        return value >= limit if row.at_least else value <= limit

    return "goal" if within(row.goal) else "gate" if within(row.gate) else "FAIL"


def run_program(folder, program, names, seconds):
    """Counters of each benchmark by name, and the program's context. Raises RuntimeError."""
    pattern = "^(" + "|".join(re.escape(name) for name in sorted(names)) + ")(/manual_time)?$"
    path = os.path.join(folder, program)
    if not os.access(path, os.X_OK):
        raise RuntimeError(f"{path} is not there; build it with: tools/dev bench")
    ran = subprocess.run(
        [path, f"--benchmark_filter={pattern}", f"--benchmark_min_time={seconds}",
         "--benchmark_format=json"],
        capture_output=True, text=True, check=False)
    if ran.returncode != 0:
        raise RuntimeError(f"{program} ended with {ran.returncode}: {ran.stderr.strip()[-500:]}")
    report = json.loads(ran.stdout)
    found = {re.sub("/manual_time$", "", each["name"]): each for each in report["benchmarks"]}
    for name, each in found.items():
        if each.get("error_occurred"):
            raise RuntimeError(f"{program}: {name}: {each['error_message']}")
    return found, report["context"]


def machine():
    with open("/proc/cpuinfo", encoding="utf-8") as info:
        text = info.read()
    model = re.search(r"^model name\s*: (.*)$", text, re.MULTILINE)
    flags = re.search(r"^flags\s*: (.*)$", text, re.MULTILINE)
    known = flags[1].split() if flags else []
    return {
        "cpu": model[1] if model else "unknown",
        "vectors": " ".join(each for each in ("avx2", "avx512f", "avx512_vbmi2") if each in known),
        "cores": len(os.sched_getaffinity(0)),
        "kernel": platform.release(),
        "time": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "load": [round(each, 1) for each in os.getloadavg()],
    }


def measure(options):
    """One dictionary per row, in order; and what each program says of itself."""
    wanted = [row for row in ROWS if not options.groups or row.group in options.groups]
    counters, contexts, problems = {}, {}, {}
    for program in dict.fromkeys(row.program for row in wanted):
        names = {row.benchmark for row in wanted if row.program == program}
        print(f"gates: {program}, {len(names)} comparisons", file=sys.stderr)
        try:
            counters[program], contexts[program] = run_program(options.folder, program, names,
                                                               options.seconds)
        except RuntimeError as error:
            problems[program] = str(error)
    results = []
    for row in wanted:
        result = {"group": row.group, "what": row.what, "program": row.program,
                  "benchmark": row.benchmark, "at_least": row.at_least,
                  "goal": row.goal, "gate": row.gate}
        found = counters.get(row.program, {}).get(row.benchmark)
        if row.program in problems:
            result |= {"verdict": "FAIL", "note": problems[row.program]}
        elif found is None:
            result |= {"verdict": "not here", "note": "this machine or build does not have it"}
        else:
            value, low, high = value_of(row, found)
            result |= {"value": value, "low": low, "high": high, "verdict": verdict_of(row, value),
                       "clean": found.get("clean")}
        results.append(result)
    return results, contexts


def print_table(header, contexts, results, elsewhere):
    print(f"{header['cpu']}, {header['vectors']}, {header['cores']} cores, "
          f"Linux {header['kernel']}, {header['time']}, "
          f"load {header['load'][0]} before and {header['load_after'][0]} after")
    for program, context in contexts.items():
        print(f"{program}: {context.get('compiler', '')}, {context.get('build', '')}")
    print(f"\n{'':56}{'goal':>9}{'gate':>9}{'median':>9}  {'quarters':18}{'clean':>6}  verdict")
    for result in results:
        sign = ">=" if result["at_least"] else "<="
        limits = "".join(f"{sign:>3}{result[limit]:6.4g}" for limit in ("goal", "gate"))
        line = f"{result['group']:4}{result['what']:52}{limits}"
        if "value" in result:
            clean = result["clean"]
            quarters = f"{result['low']:.4g} to {result['high']:.4g}"
            undisturbed = "" if clean is None else f"{clean:.0%}"
            line += f"{result['value']:9.4g}  {quarters:18}{undisturbed:>6}"
        else:
            line += f"{'':9}  {'':18}{'':6}"
        print(f"{line}  {result['verdict']}{': ' + result['note'] if 'note' in result else ''}")
    for group, what, where in elsewhere:
        print(f"{group:4}{what:52}see {where}")


def main():
    parser = argparse.ArgumentParser(prog="tools/dev bench gates",
                                     description="The performance goals, measured.")
    parser.add_argument("folder", help=argparse.SUPPRESS)
    parser.add_argument("--json", metavar="FILE", help="also write everything there")
    parser.add_argument("--seconds", type=float, default=2, metavar="S",
                        help="per comparison; default 2")
    parser.add_argument("groups", nargs="*", metavar="GROUP", help="only these, e.g. G4 G7")
    options = parser.parse_args()
    known = {row.group for row in ROWS} | {group for group, _, _ in ELSEWHERE}
    if unknown := set(options.groups) - known:
        parser.error(f"unknown group {', '.join(sorted(unknown))}; "
                     f"known: {', '.join(sorted(known))}")
    header = machine()
    results, contexts = measure(options)
    header["load_after"] = [round(each, 1) for each in os.getloadavg()]
    elsewhere = [each for each in ELSEWHERE if not options.groups or each[0] in options.groups]
    print_table(header, contexts, results, elsewhere)
    if options.json:
        with open(options.json, "w", encoding="utf-8") as out:
            json.dump({"machine": header, "programs": contexts, "rows": results}, out, indent=1)
            out.write("\n")
    failed = sum(result["verdict"] == "FAIL" for result in results)
    if failed:
        print(f"\n{failed} gates failed", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
