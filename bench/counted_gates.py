"""Goals that are counts, G3 and the zeros of G8: tests count them, here over a million frames.

    test program --gtest_output=json--> what the test has recorded by name  -->  rows
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

# id, program below tests/ with the variable that says how many frames, the row's name, the test,
# and of what it records: name, most.
G3, G8 = "G3", "G8"
DECODE = ("unit/decode_fast_test", "UPFEED_FRAMES")
ZERO = ("integration/feed_zero_test", "UPFEED_ZERO_FRAMES")
NOTHING_TAKEN = (("allocations", 0), ("locks", 0), ("page_faults", 0),
                 ("libssl_allocations_per_record", 1))
GOALS = (
    (G3, DECODE, "frames", "DecodeFast.frames_as_the_exchange_writes_them_need_no_reference",
     (("left_to_reference", 0),)),
    (G3, DECODE, "mutants", "DecodeFast.mutants_are_judged_as_the_reference_judges_them",
     (("judged_otherwise", 0),)),
    (G8, ZERO, "spin", "FeedZero.a_spinning_feed_makes_no_system_call_but_the_receive",
     NOTHING_TAKEN + (("calls_but_receive", 0),)),
    (G8, ZERO, "park", "FeedZero.a_parking_feed_sleeps_and_wakes_at_most_once_a_batch",
     NOTHING_TAKEN + (("wakes_per_batch", 1),)),
)


def recorded(folder, program, variable, test, frames):
    """What the test says against passing, or None, and what it has recorded by name. Raises
    RuntimeError."""
    path = os.path.join(folder, "tests", program)
    with tempfile.TemporaryDirectory() as scratch:
        report = pathlib.Path(scratch) / "report.json"
        try:
            ran = subprocess.run([path, f"--gtest_filter={test}", f"--gtest_output=json:{report}"],
                                 env=os.environ | {variable: str(frames)}, capture_output=True,
                                 text=True, check=False)
            with open(report, encoding="utf-8") as file:
                found = json.load(file)["testsuites"][0]["testsuite"][0]
        except (OSError, ValueError, LookupError) as error:
            raise RuntimeError(f"{path} with {test}: {error}") from error
    return None if ran.returncode == 0 else ran.stdout.strip()[-1000:], found


def rows(folder, group, frames):
    """folder  the build with the tests in it.  One row for each thing counted."""
    result = []
    for identifier, (program, variable), name, test, counters in GOALS:
        if identifier != group:
            continue
        failure, found = recorded(folder, program, variable, test, frames)
        if failure is not None:
            print(f"gates: {test} failed:\n{failure}", file=sys.stderr)
        for counter, most in counters:
            row = {"program": pathlib.Path(program).name, "id": identifier,
                   "name": name, "counter": counter, "direction": "at_most", "goal": most,
                   "gate": most, "frames": int(found.get("frames", 0)),
                   # Where the kernel does not let the test count something, it is not there.
                   "measured": counter in found or failure is not None}
            if row["measured"]:
                value = float(found[counter]) if counter in found else None
                good = failure is None and value is not None and value <= most
                row |= {"median": value, "low": None, "high": None, "clean": None,
                        "verdict": "goal" if good else "FAILED"}
            result.append(row)
    return result
