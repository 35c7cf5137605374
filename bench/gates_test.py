"""The table of all goals, made from programs that only pretend to measure."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

SCRIPT = pathlib.Path(__file__).with_name("gates.py")

# Writes what it was given for the test that is asked for, and fails like a test where it says so.
COUNTING_TEST = """#!/usr/bin/env python3
import json, os, sys
named = dict(each[2:].split("=", 1) for each in sys.argv[1:])
case = json.loads('''{cases}''')[named["gtest_filter"]]
failed = case.pop("failed", False)
case["frames"] = os.environ.get("UPFEED_FRAMES") or os.environ.get("UPFEED_ZERO_FRAMES")
with open(named["gtest_output"].removeprefix("json:"), "w") as out:
    json.dump({{"testsuites": [{{"testsuite": [case]}}]}}, out)
sys.exit(failed)
"""
FRAMES = "DecodeFast.frames_as_the_exchange_writes_them_need_no_reference"
MUTANTS = "DecodeFast.mutants_are_judged_as_the_reference_judges_them"
SPIN = "FeedZero.a_spinning_feed_makes_no_system_call_but_the_receive"
PARK = "FeedZero.a_parking_feed_sleeps_and_wakes_at_most_once_a_batch"


class Gates(unittest.TestCase):
    def setUp(self):
        self.scratch = tempfile.TemporaryDirectory()
        self.addCleanup(self.scratch.cleanup)
        self.root = pathlib.Path(self.scratch.name)
        for folder in ("bench", "tests/unit", "tests/integration"):
            (self.root / folder).mkdir(parents=True)
        (self.root / "CMakeCache.txt").write_text("CMAKE_BUILD_TYPE:STRING=Release\n"
                                                  "CMAKE_CXX_COMPILER:PATH=true\n")

    def program(self, name, text):
        path = self.root / name
        path.write_text(text)
        path.chmod(0o755)

    def counting(self, name, cases):
        self.program(f"tests/{name}", COUNTING_TEST.format(cases=json.dumps(cases)))

    def run_gates(self, *arguments):
        """Exit code, table and rows."""
        report = self.root / "report.json"
        ran = subprocess.run([sys.executable, SCRIPT, self.root / "bench", self.root, *arguments,
                              "--json", report], capture_output=True, text=True, check=False,
                             env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"})
        return ran.returncode, ran.stdout, json.loads(report.read_text())["rows"]

    def test_a_timed_goal_that_is_not_met_fails(self):
        """Goal: the row as the program judged it, and the exit code. Method: gate met, gate not."""
        row = {"id": "G7", "name": "copy", "counter": "ratio", "direction": "at_most", "goal": 1.6,
               "gate": 2.5, "measured": True, "median": 2.2, "low": 2.1, "high": 2.3,
               "rounds": 10, "clean": 1, "verdict": "gate"}
        self.program("bench/book", f"#!/bin/sh\necho '{json.dumps([row])}'\n")
        code, table, _ = self.run_gates("G7")
        self.assertEqual(code, 0)
        self.assertRegex(table, r"book copy .*<= +1\.6 +2\.5 +2\.2 +2\.1 to 2\.3 +100%  gate")
        row["verdict"] = "FAILED"
        self.program("bench/book", f"#!/bin/sh\necho '{json.dumps([row])}'\nexit 1\n")
        self.assertEqual(self.run_gates("G7")[0], 1)

    def test_counts_are_those_of_the_tests(self):
        """Goal: what tests counted, over as many frames as asked for; a failed test fails, also one
        that ended before it counted. Method: tests that pass and tests that do not."""
        self.counting("unit/decode_fast_test", {FRAMES: {"left_to_reference": "0"},
                                                MUTANTS: {"judged_otherwise": "0"}})
        code, table, rows = self.run_gates("G3", "--frames", "77")
        self.assertEqual(code, 0)
        self.assertRegex(table, r"decode_fast_test mutants: judged_otherwise .*goal")
        self.assertEqual([row["frames"] for row in rows], [77, 77])
        self.counting("unit/decode_fast_test", {FRAMES: {"left_to_reference": "3", "failed": True},
                                                MUTANTS: {"failed": True}})
        code, _, rows = self.run_gates("G3")
        self.assertEqual(code, 1)
        self.assertEqual([(row["median"], row["verdict"]) for row in rows],
                         [(3, "FAILED"), (None, "FAILED")])

    def test_what_could_not_be_counted_is_not_measured(self):
        """Goal: nothing is claimed that was not seen. Method: a test that passes without them."""
        taken = {"allocations": "0", "locks": "0", "libssl_allocations_per_record": "1.000"}
        self.program("bench/pipeline", "#!/bin/sh\necho '[]'\n")
        self.counting("integration/feed_zero_test",
                      {SPIN: dict(taken), PARK: taken | {"wakes_per_batch": "0.9"}})
        code, table, rows = self.run_gates("G8")
        self.assertEqual(code, 0)
        missing = [row["counter"] for row in rows if not row["measured"]]
        self.assertEqual(missing, ["page_faults", "calls_but_receive", "page_faults"])
        self.assertRegex(table, r"spin: calls_but_receive .*not measured")

    def test_a_program_that_is_not_there_fails(self):
        """Goal: the exit code, and no less of the table. Method: no programs at all."""
        self.assertEqual(self.run_gates("G7")[0], 1)
        code, table, rows = self.run_gates("G3")
        self.assertEqual((code, rows), (1, []))
        self.assertIn("goal", table)


if __name__ == "__main__":
    unittest.main()
