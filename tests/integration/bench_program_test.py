#!/usr/bin/env python3
"""`upfeed bench` as a user meets it: short runs, whose figures must agree with each other. No test
asserts a speed.

    bench_program_test.py PATH/upfeed
"""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from html.parser import HTMLParser
from pathlib import Path

PROGRAM = os.path.abspath(sys.argv.pop(1))
DEADLINE_S = 120  # of one run; machines that run tests may be slow

LIVE_STAGES = ["due_to_kernel", "kernel_to_user", "user_to_decoded", "decoded_to_dispatch",
               "dispatch_to_done", "kernel_to_callback", "due_to_callback"]
PERCENTILES = ["p50", "p90", "p99", "p99_9", "p99_99", "max"]
VOID_TAGS = {"meta", "br", "line", "circle", "rect", "polyline"}


def run(*arguments):
    return subprocess.run([PROGRAM, "bench", *map(str, arguments)], capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, timeout=DEADLINE_S)


def children_of(process):
    path = "/proc/%d/task/%d/children" % (process.pid, process.pid)
    return Path(path).read_text(encoding="ascii").split()


class Page(HTMLParser):
    """Collects what a page would fetch, and tags that are not closed in order."""

    def __init__(self, text):
        super().__init__()
        self.open = []
        self.faults = []
        self.fetched = []
        self.seen = []
        self.feed(text)
        self.faults += ["not closed: " + tag for tag in self.open]

    def handle_starttag(self, tag, attributes):
        self.seen.append(tag)
        self.fetched += [value for name, value in attributes
                         if name in ("src", "href", "xlink:href", "data")]
        if tag not in VOID_TAGS or tag == "rect":
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.seen.append(tag)

    def handle_endtag(self, tag):
        if tag == "circle":
            return
        if not self.open or self.open.pop() != tag:
            self.faults.append("ends out of order: " + tag)


class Bench(unittest.TestCase):
    def setUp(self):
        self._folder = tempfile.TemporaryDirectory(prefix="upfeed_bench_")
        self.folder = Path(self._folder.name)
        self.addCleanup(self._folder.cleanup)
        os.environ["TMPDIR"] = str(self.folder)

    def summary(self, *arguments):
        done = run("--json", *arguments)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stdout.count("\n"), 1)
        summary = json.loads(done.stdout)
        self.assertEqual((summary["type"], summary["command"]), ("summary", "bench"))
        return summary

    def assert_accounted(self, counts):
        self.assertEqual(counts["received"], sum(counts[name] for name in (
            "delivered", "conflated", "dropped", "refused", "superseded")))
        self.assertEqual(counts["queued"], 0)

    def assert_ordered(self, latency):
        values = [latency[name] for name in PERCENTILES]
        self.assertEqual(values, sorted(values))

    def check_page(self, path, *words):
        text = path.read_text(encoding="utf-8")
        page = Page(text)
        self.assertEqual(page.faults, [])
        self.assertEqual(page.fetched, [], "a report fetches nothing")
        self.assertNotRegex(text, r"url\(|@import|<script|nan|inf\b")
        self.assertIn("svg", page.seen)
        for word in words:
            self.assertIn(word, text)

    def capture(self, books=400):
        """A recording of growing time, as JSON lines, whose last line is damaged."""
        lines = []
        for index in range(books):
            units = ",".join('{"ask_price":%d,"bid_price":%d,"ask_size":1.5,"bid_size":2}' %
                             (200 + i, 199 - i) for i in range(5))
            lines.append('{"type":"orderbook","code":"KRW-BTC","timestamp":%d,"total_ask_size":7.5,'
                         '"total_bid_size":10,"orderbook_units":[%s],"stream_type":"REALTIME"}' %
                         (1617646620000 + index, units))
        path = self.folder / "capture.jsonl"
        path.write_text("\n".join(lines) + "\n")
        return path


class Live(Bench):
    def test_whole_market_is_accounted_stage_by_stage(self):
        """Goal: what is measured is all there is, and agrees with itself. Method: two seconds of
        even frames, whose number in the window is known."""
        page = self.folder / "report.html"
        summary = self.summary("--profile", "even", "--rate", 600, "--seconds", 2, "--warmup", 0.5,
                               "--html", page)
        self.assertEqual(summary["mode"], "live")
        self.assertTrue(summary["complete"])
        self.assert_accounted(summary["counts"])
        self.assertEqual((summary["counts"]["dropped"], summary["counts"]["refused"]), (0, 0))
        self.assertEqual(list(summary["latency_us"]), LIVE_STAGES)
        for stage in LIVE_STAGES:
            self.assert_ordered(summary["latency_us"][stage])
            self.assertGreater(summary["latency_us"][stage]["count"], 0, stage)
        # Every frame due in the window was delivered; a trade without volume makes no frame.
        due = summary["latency_us"]["due_to_callback"]["count"]
        self.assertLessEqual(due, 1201)
        self.assertGreaterEqual(due, 1100)
        self.assertEqual(sum(slice["count"] for slice in summary["timeline"]), due)
        self.assertEqual(len(summary["timeline"]), 20)
        # What a frame took from the kernel on cannot be more than all it took.
        latency = summary["latency_us"]
        self.assertLessEqual(latency["kernel_to_callback"]["p50"],
                             latency["due_to_callback"]["p50"] * 1.04 + 2)
        self.assertGreater(summary["threads"]["io"]["cpu_seconds"], 0)
        self.assertGreater(summary["threads"]["dispatcher"]["cpu_seconds"], 0)
        self.assertGreater(summary["simulator_cpu_seconds"], 0)
        self.assertGreater(summary["cpu_ns_per_frame"], 0)
        if "allocations" in summary:  # not in builds with sanitizers
            self.assertEqual(summary["allocations"]["ours"], 0)
        self.assertEqual(summary["settings"]["wait"], "park")
        self.assertTrue(any("not pinned" in warning for warning in summary["warnings"]))
        self.check_page(page, "due &gt; callback", "Over the run", "not pinned")

    def test_a_held_up_simulator_counts_as_latency(self):
        """Goal: open loop: latency counts from when a frame was due, not from when it was sent.
        Method: the simulator is stopped for 600 ms in the middle of the run; frames due meanwhile
        come late, and say so."""
        process = subprocess.Popen(
            [PROGRAM, "bench", "--json", "--markets", "5", "--profile", "even", "--rate", "600",
             "--seconds", "3", "--warmup", "0"], stdout=subprocess.PIPE, text=True)
        self.addCleanup(lambda: (process.kill(), process.wait(), process.stdout.close()))
        time.sleep(1.5)
        children = children_of(process)
        self.assertEqual(len(children), 1)
        os.kill(int(children[0]), signal.SIGSTOP)
        time.sleep(0.6)
        os.kill(int(children[0]), signal.SIGCONT)
        out, _ = process.communicate(timeout=DEADLINE_S)
        latency = json.loads(out)["latency_us"]
        self.assertGreater(latency["due_to_callback"]["max"], 400_000)
        self.assertGreater(latency["due_to_kernel"]["max"], 400_000)
        # At least the frames of 400 ms, of three seconds: more than one in ten.
        self.assertGreater(latency["due_to_callback"]["p90"], 10_000)

    def test_wait_policies_decoders_and_formats_are_used(self):
        """Goal: no option does nothing. Method: what the summary says about each."""
        summary = self.summary("--markets", 4, "--wait", "yield", "--decoder", "scalar", "--format",
                               "simple", "--streams", "orderbook", "--seconds", 0.5, "--warmup",
                               0.2, "--profile", "market", "--seed", 7)
        self.assertEqual(summary["settings"]["wait"], "yield")
        self.assertEqual(summary["settings"]["decoder"], "scalar")
        self.assertEqual(summary["settings"]["format"], "simple")
        self.assertEqual(summary["settings"]["seed"], "7")
        self.assert_accounted(summary["counts"])
        long = self.summary("--markets", 4, "--streams", "orderbook", "--seconds", 0.5, "--warmup",
                            0.2, "--profile", "market", "--seed", 7)
        per_frame = [each["bytes"] / each["frames"] for each in (summary, long)]
        self.assertLess(per_frame[0], 0.8 * per_frame[1])  # SIMPLE has the shorter keys
        # Who yields gives the core away, but never sleeps in the kernel.
        self.assertLess(summary["threads"]["io"]["sleeps"], 5)
        self.assertGreater(long["threads"]["io"]["sleeps"], 5)

    def test_text_is_for_people(self):
        """Goal: tables and the account on a terminal or in a pipe. Method: a short run."""
        done = run("--markets", 3, "--seconds", 0.5, "--warmup", 0)
        self.assertEqual(done.returncode, 0, done.stderr)
        for said in ("due > callback", "of a core", "allocations of ours", "account     received",
                     "warning: not pinned"):
            self.assertIn(said, done.stdout.replace("not counted in this build",
                                                    "allocations of ours"))

    def test_ctrl_c_reports_what_was_measured(self):
        """Goal: an interrupted run is told as such and leaves no simulator. Method: SIGINT."""
        process = subprocess.Popen([PROGRAM, "bench", "--json", "--markets", "3", "--seconds", "60",
                                    "--warmup", "0"], stdout=subprocess.PIPE, text=True)
        self.addCleanup(lambda: (process.kill(), process.wait(), process.stdout.close()))
        time.sleep(2)
        children = children_of(process)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=DEADLINE_S)
        self.assertEqual(process.returncode, 0)
        if out:  # nothing where the machine was too slow to have data by then
            self.assertFalse(json.loads(out)["complete"])
        for child in children:
            self.assertFalse(Path("/proc/" + child).exists(), "the simulator lives on")

    def test_simulator_dies_with_a_killed_bench(self):
        """Goal: no orphans. Method: SIGKILL, and its child must be gone soon."""
        process = subprocess.Popen([PROGRAM, "bench", "--markets", "3", "--seconds", "60"],
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(1)
        children = children_of(process)
        process.kill()
        process.wait()
        deadline = time.monotonic() + 30
        for child in children:
            status = Path("/proc/%s/stat" % child)
            while status.exists() and status.read_text().split()[2] != "Z":
                self.assertLess(time.monotonic(), deadline, "the simulator lives on")
                time.sleep(0.05)


class Capture(Bench):
    def test_capture_is_measured_in_memory(self):
        """Goal: frames, bytes and shares of a file, several passes. Method: 400 books."""
        page = self.folder / "report.html"
        path = self.capture()
        summary = self.summary(path, "--seconds", 0.3, "--html", page)
        self.assertEqual(summary["mode"], "capture")
        self.assertEqual(summary["frames"], 400)
        self.assertEqual(summary["counts"]["delivered"], 400)
        self.assert_accounted(summary["counts"])
        self.assertGreaterEqual(summary["passes"], 3)
        self.assertGreater(summary["bytes"], 400 * 300)
        self.assertGreater(summary["frames_per_second"], 0)
        self.assertEqual(list(summary["shares"]), ["read the file", "decode into the ring",
                                                   "dispatch, book, callback"])
        for share in summary["shares"].values():
            self.assertGreater(share, 0)
        for latency in summary["latency_us"].values():
            self.assert_ordered(latency)
        self.assertEqual(summary["latency_us"]["dispatch_to_done"]["count"], 400)
        self.check_page(page, "dispatched &gt; done", "dispatch, book, callback")

    def test_damage_is_told(self):
        """Goal: figures of a damaged file are marked by the exit code. Method: half a line."""
        path = self.capture(20)
        with path.open("a") as file:
            file.write('{"type":"orderbook","code":"KRW-B')
        done = run(path, "--seconds", 0.1, "--json")
        self.assertEqual(done.returncode, 3, done.stderr)
        self.assertEqual(json.loads(done.stdout)["damaged"], 1)


class Wrong(Bench):
    def test_bad_arguments_are_refused_by_name(self):
        """Goal: exit code 2 and the way out. Method: one mistake each."""
        for arguments, said in ((("--wait", "sleep"), "--wait"),
                                (("--profile", "wild"), "--profile"),
                                (("--rate", "0"), "--rate"),
                                (("--markets", "856"), "--markets"),
                                (("--decoder", "gpu"), "--decoder"),
                                (("--streams", "books"), "orderbook"),
                                (("--format", "xml"), "json_list"),
                                (("/nowhere/at/all",), "/nowhere/at/all"),
                                (("--seconds", "0.1", "--warmup", "0", "--markets", "3", "--html",
                                  "/nowhere/at/all.html"), "/nowhere/at/all.html")):
            done = run(*arguments)
            self.assertEqual(done.returncode, 2, (arguments, done.stderr))
            self.assertIn(said, done.stderr)

    def test_a_core_that_is_not_there(self):
        """Goal: a pin that fails is an error, not a run on another core. Method: core 1023."""
        for option, text in (("--io-cpu", "I/O thread"), ("--dispatcher-cpu", "dispatcher thread"),
                             ("--sim-cpu", "simulator")):
            done = run("--markets", 3, "--seconds", 0.1, option, 1023)
            self.assertEqual(done.returncode, 1, done.stderr)
            self.assertRegex(done.stderr, re.escape(text))


if __name__ == "__main__":
    unittest.main(verbosity=2)
