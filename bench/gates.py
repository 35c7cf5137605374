#!/usr/bin/env python3
"""All performance goals in one table: `tools/dev bench gates` builds the benchmarks and runs this.

    program --gates=json  -->  rows  -->  one table, one exit code

Goals and gates stand in the programs, beside the benchmarks that they judge (gates.hpp); those of
the market live and those that tests count stand in live_gates.py and counted_gates.py.
"""

import argparse
import datetime
import json
import os
import pathlib
import platform
import re
import subprocess
import sys

import counted_gates
import live_gates

# Programs and the goals they judge, in the order of the table.
PROGRAMS = {
    "decode": ("G1", "G2"),
    "ring": ("G4",),
    "receive": ("G5",),
    "pipeline": ("G6", "G8", "G9"),
    "book": ("G7",),
}
COUNTED = (counted_gates.G3, counted_gates.G8)
GROUPS = sorted({group for groups in PROGRAMS.values() for group in groups} | {*COUNTED}
                | {"instructions"})


def run_program(folder, program, seconds):
    """Its rows. Raises RuntimeError."""
    path = os.path.join(folder, program)
    if not os.access(path, os.X_OK):
        raise RuntimeError(f"{path} is not there; build it with: tools/dev bench")
    ran = subprocess.run([path, "--gates=json", f"--benchmark_min_time={seconds}"],
                         capture_output=True, text=True, check=False)
    # 1 is also what a gate that is not met gives, and then there are rows.
    try:
        return json.loads(ran.stdout)
    except ValueError as error:
        raise RuntimeError(f"{program} ended with {ran.returncode}: "
                           f"{ran.stderr.strip()[-500:]}") from error


def build_of(folder):
    """What CMake built the programs with."""
    wanted = {"CMAKE_BUILD_TYPE": "", "CMAKE_CXX_COMPILER": "", "CMAKE_CXX_FLAGS": ""}
    with open(os.path.join(folder, "..", "CMakeCache.txt"), encoding="utf-8") as cache:
        for line in cache:
            found = re.match(r"(\w+):\w+=(.*)", line)
            if found and found[1] in wanted:
                wanted[found[1]] = found[2]
    version = subprocess.run([wanted["CMAKE_CXX_COMPILER"], "--version"], capture_output=True,
                             text=True, check=False).stdout.splitlines()
    return " ".join(filter(None, (wanted["CMAKE_BUILD_TYPE"], wanted["CMAKE_CXX_FLAGS"],
                                  version[0] if version else "")))


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
        "load": round(os.getloadavg()[0], 1),
    }


def print_header(header):
    print(f"{header['cpu']}, {header['vectors']}, {header['cores']} cores, "
          f"Linux {header['kernel']}, {header['build']}\n"
          f"{header['time']}, load {header['load']} before, {header['load_after']} after\n")


def number(value):
    return "-" if value is None else f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def verdict_of(row):
    if not row["measured"]:
        return "not measured: this machine does not have it"
    return row["verdict"]


def print_rows(rows):
    print(f"{'':5}{'':62}{'goal':>11}{'gate':>9}{'median':>9}  {'quarters':20}{'clean':>6}")
    for row in rows:
        sign = ">=" if row["direction"] == "at_least" else "<="
        counter = "" if row["counter"] in ("ratio", "speedup") else f": {row['counter']}"
        line = (f"{row['id']:5}{row['program'] + ' ' + row['name'] + counter:62}"
                f"{sign:>3}{number(row['goal']):>8}{number(row['gate']):>9}")
        if row["measured"]:
            quarters = ("" if row["low"] is None
                        else f"{number(row['low'])} to {number(row['high'])}")
            clean = "" if row["clean"] is None else f"{row['clean']:.0%}"
            line += f"{number(row['median']):>9}  {quarters:20}{clean:>6}"
        print(f"{line}  {verdict_of(row)}")


def same_instructions(folder):
    """Prints a line for each decoder; whether all are as recorded."""
    script = pathlib.Path(__file__).with_name("instructions.py")
    ran = subprocess.run([sys.executable, script, os.path.join(folder, "decode")],
                         stdout=subprocess.PIPE, text=True, check=False)
    print(f"\ninstructions a frame, recorded, change\n{ran.stdout}", end="")
    return ran.returncode == 0


def main():
    parser = argparse.ArgumentParser(prog="tools/dev bench gates",
                                     description="The performance goals, measured.")
    parser.add_argument("folder", help=argparse.SUPPRESS)
    parser.add_argument("tests", help=argparse.SUPPRESS)
    parser.add_argument("--json", metavar="FILE", help="also write everything there")
    parser.add_argument("--seconds", type=float, default=2, metavar="S",
                        help="per benchmark; default 2")
    parser.add_argument("--frames", type=int, default=1_000_000, metavar="N",
                        help="that the tests of G3 and G8 count; default 1000000")
    parser.add_argument("groups", nargs="*", metavar="GROUP", help="only these, e.g. G4 G7")
    options = parser.parse_args()
    if unknown := [each for each in options.groups if each not in GROUPS]:
        parser.error(f"unknown group {', '.join(unknown)}; known: {', '.join(GROUPS)}")
    wanted = options.groups or GROUPS
    header = machine() | {"build": build_of(options.folder)}
    rows, problems = [], []
    for program, groups in PROGRAMS.items():
        if not set(groups) & set(wanted):
            continue
        print(f"gates: {program} ...", file=sys.stderr)
        try:
            rows += [{"program": program} | row
                     for row in run_program(options.folder, program, options.seconds)
                     if row["id"] in wanted]
        except RuntimeError as error:
            problems.append(str(error))
    if "G9" in wanted:
        print("gates: the whole market live ...", file=sys.stderr)
        rows += live_gates.rows(pathlib.Path(options.folder).parent, options.seconds)
    header["load_after"] = round(os.getloadavg()[0], 1)
    for group in COUNTED:
        if group in wanted:
            print(f"gates: {group}, counted by its tests, minutes ...", file=sys.stderr)
            try:
                rows += counted_gates.rows(options.tests, group, options.frames)
            except RuntimeError as error:
                problems.append(str(error))
    print_header(header)
    rows.sort(key=lambda row: row["id"])
    print_rows(rows)
    if options.json:
        with open(options.json, "w", encoding="utf-8") as out:
            json.dump({"machine": header, "rows": rows, "problems": problems}, out, indent=1)
            out.write("\n")
    if "instructions" in wanted and not same_instructions(options.folder):
        problems.append("instructions are not as recorded (bench/instructions.py)")
    problems += [f"{row['id']} {row['name']}: gate not met" for row in rows
                 if row["measured"] and row["verdict"] == "FAILED"]
    for problem in problems:
        print(f"gates: {problem}", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
