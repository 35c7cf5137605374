"""Goals that are counts, G3 and the zeros of G8: tests count them, here over a million frames.

    test program --gtest_output=json--> what the test has recorded by name  -->  rows
"""

import json
import os
import pathlib
import subprocess
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
TARGETS = ("decode_fast_test", "feed_zero_test")


def recorded(folder, program, variable, test, frames):
    """Whether the test passed, and what it has recorded by name. Raises RuntimeError."""
    with tempfile.TemporaryDirectory() as scratch:
        report = pathlib.Path(scratch) / "report.json"
        path = os.path.join(folder, "tests", program)
        ran = subprocess.run([path, f"--gtest_filter={test}", f"--gtest_output=json:{report}"],
                             env=os.environ | {variable: str(frames)}, capture_output=True,
                             text=True, check=False)
        if not report.exists():
            raise RuntimeError(f"{path} ended with {ran.returncode}: {ran.stderr.strip()[-500:]}")
        with open(report, encoding="utf-8") as file:
            found = json.load(file)["testsuites"][0]["testsuite"][0]
    return ran.returncode == 0, found


def rows(folder, group, frames):
    """folder  the build with the tests in it.  One row for each thing counted."""
    result = []
    for identifier, (program, variable), name, test, counters in GOALS:
        if identifier != group:
            continue
        passed, found = recorded(folder, program, variable, test, frames)
        for counter, most in counters:
            row = {"program": pathlib.Path(program).name, "id": identifier,
                   "name": name, "counter": counter, "direction": "at_most", "goal": most,
                   "gate": most, "frames": int(found.get("frames", 0)),
                   # Where the kernel does not let the test count something, it is not there.
                   "measured": counter in found or not passed}
            if row["measured"]:
                value = float(found[counter]) if counter in found else None
                good = passed and value is not None and value <= most
                row |= {"median": value, "low": None, "high": None, "clean": None,
                        "verdict": "goal" if good else "FAILED"}
            result.append(row)
    return result
