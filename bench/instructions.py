#!/usr/bin/env python3
"""Instructions that decoding one frame takes, counted by valgrind's callgrind, which repeat to the
last digit where times do not. Compared with bench/instructions.txt, whose numbers hold for the
compiler named there.

usage: bench/instructions.py PROGRAM [--update]    PROGRAM: build-bench/bench/decode

Exit code: 0; 1 when a count is off by more than 3 % in either direction; 2 when it cannot be
counted. valgrind knows no AVX-512, so only the other kernels are counted.
"""

import pathlib
import re
import subprocess
import sys
import tempfile

TOLERANCE = 0.03
RECORD = pathlib.Path(__file__).with_name("instructions.txt")
FUNCTION = "upfeed_count_decodes"


def fail(text):
    print(f"error: {text}", file=sys.stderr)
    sys.exit(2)


def count(program):
    """Instructions per frame by the name of corpus and kernel."""
    with tempfile.TemporaryDirectory() as folder:
        command = [
            "valgrind", "--tool=callgrind", "--collect-atstart=no",
            f"--toggle-collect={FUNCTION}", f"--dump-after={FUNCTION}",
            f"--callgrind-out-file={folder}/out", program, "--count"]
        try:
            run = subprocess.run(command, capture_output=True, text=True, check=False)
        except FileNotFoundError:
            fail("valgrind is not there; install it: apt-get install valgrind")
        if run.returncode != 0:
            fail(f"{' '.join(command)} ended with {run.returncode}:\n{run.stderr[-2000:]}")
        totals = []
        for dump in sorted(pathlib.Path(folder).glob("out.*"), key=lambda f: int(f.suffix[1:])):
            totals.append(int(re.search(r"^(?:totals|summary): (\d+)", dump.read_text(), re.M)[1]))
    names = [line.split() for line in run.stdout.splitlines()]
    if len(totals) < len(names) or not names:
        fail(f"{len(names)} counts were announced, {len(totals)} were made")
    return {name: total // int(frames) for (name, frames), total in zip(names, totals)}


def recorded():
    lines = RECORD.read_text().splitlines()
    return {line.split()[0]: int(line.split()[1]) for line in lines if not line.startswith("#")}


def main():
    arguments = [argument for argument in sys.argv[1:] if argument != "--update"]
    if len(arguments) != 1:
        fail(__doc__.strip())
    found = count(arguments[0])
    if "--update" in sys.argv:
        compiler = subprocess.run(["c++", "--version"], capture_output=True, text=True, check=True)
        header = f"# instructions per frame, {compiler.stdout.splitlines()[0]}, Release\n"
        RECORD.write_text(
            header + "".join(f"{name} {number}\n" for name, number in found.items()))
        return 0
    expected = recorded()
    off = False
    for name, number in found.items():
        change = number / expected[name] - 1 if name in expected else float("inf")
        off |= abs(change) > TOLERANCE
        mark = "OFF" if abs(change) > TOLERANCE else ""
        print(f"{name:44} {number:8} {expected.get(name, 0):8} {change:+7.1%} {mark}")
    for name in expected.keys() - found.keys():
        off = True
        print(f"{name:44} was not counted OFF")
    return 1 if off else 0


if __name__ == "__main__":
    sys.exit(main())
