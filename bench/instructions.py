#!/usr/bin/env python3
"""Instructions per operation of the hot path, counted by callgrind: `tools/dev bench instructions`.

    tools/dev bench instructions            count, and compare with bench/instructions.json
    tools/dev bench instructions --record   count, and keep them there

Repeatable on any machine, busy or not, with the same compiler: more instructions than were recorded
are a regression to explain, or to record with the change that brings them. Exit code 1 then.
"""

import argparse
import json
import os
import re
import subprocess
import sys

RECORD = os.path.join(os.path.dirname(os.path.abspath(__file__)), "instructions.json")
# Runs differ by what the dynamic linker resolves and the allocator does, far less than this.
TOLERANCE = 0.02
# The difference of two counts leaves out what happens once.
COUNTS = (128, 640)


def collected(program, name, count):
    ran = subprocess.run(
        ["valgrind", "--tool=callgrind", "--collect-atstart=no", "--toggle-collect=upfeed_measured",
         "--callgrind-out-file=/dev/null", program, name, str(count)],
        capture_output=True, text=True, check=False)
    found = re.search(r"Collected : (\d+)", ran.stderr)
    if ran.returncode != 0 or not found:
        raise RuntimeError(f"callgrind of {name} ended with {ran.returncode}: {ran.stderr[-500:]}")
    return int(found[1])


def count_all(folder):
    """Instructions per operation by name."""
    program = os.path.join(folder, "instructions")
    names = subprocess.run([program], capture_output=True, text=True, check=True).stdout.split()
    few, many = COUNTS
    return {name: round((collected(program, name, many) - collected(program, name, few))
                        / (many - few), 1) for name in names}


def compiler_of(folder):
    with open(os.path.join(folder, "..", "CMakeCache.txt"), encoding="utf-8") as cache:
        compiler = re.search(r"^CMAKE_CXX_COMPILER:\w+=(.*)$", cache.read(), re.MULTILINE)[1]
    version = subprocess.run([compiler, "--version"], capture_output=True, text=True, check=True)
    return version.stdout.splitlines()[0]


def compare(folder):
    """Rows of (name, recorded or None, counted, verdict); empty: another compiler was recorded."""
    with open(RECORD, encoding="utf-8") as file:
        record = json.load(file)
    if record["compiler"] != compiler_of(folder):
        return []
    rows = []
    for name, counted in count_all(folder).items():
        before = record["per_operation"].get(name)
        if before is None:
            verdict = "new"
        elif counted > before * (1 + TOLERANCE):
            verdict = "MORE"
        else:
            verdict = "fewer" if counted < before * (1 - TOLERANCE) else "same"
        rows.append((name, before, counted, verdict))
    return rows


def main():
    parser = argparse.ArgumentParser(prog="tools/dev bench instructions",
                                     description="Instructions per operation, by callgrind.")
    parser.add_argument("folder", help=argparse.SUPPRESS)
    parser.add_argument("--record", action="store_true",
                        help="keep them in bench/instructions.json")
    options = parser.parse_args()
    if options.record:
        record = {"compiler": compiler_of(options.folder),
                  "per_operation": count_all(options.folder)}
        with open(RECORD, "w", encoding="utf-8") as file:
            json.dump(record, file, indent=1)
            file.write("\n")
        return 0
    rows = compare(options.folder)
    if not rows:
        print("recorded with another compiler: nothing to compare", file=sys.stderr)
    for name, before, counted, verdict in rows:
        print(f"{name:36}{'-' if before is None else before:>10}{counted:>10}  {verdict}")
    return 1 if any(verdict == "MORE" for *_, verdict in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
