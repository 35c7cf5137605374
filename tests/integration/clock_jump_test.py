#!/usr/bin/env python3
"""The wall clock jumps by hours while `upfeed watch` runs; nothing may come of it.

    clock_jump_test.py PATH/upfeed

libfaketime moves the wall clock of that process only; the monotonic clock stays as it is. Skipped
with exit code 77 where libfaketime is not installed.
"""

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

LIBRARIES = list(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
JUMPS_S = [0, 3600, -3600, 3600, 0, -3600]
PAUSE_S = 3.5  # between jumps; all in all longer than the 15 s between two pings
DEADLINE_S = 60


def faked(folder):
    """The environment of a process whose wall clock is that of the file."""
    return dict(os.environ, LD_PRELOAD=str(LIBRARIES[0]), FAKETIME_DONT_FAKE_MONOTONIC="1",
                FAKETIME_TIMESTAMP_FILE=str(folder / "clock"), FAKETIME_NO_CACHE="1")


def set_clock(folder, offset_s):
    """Replaces the file at once, so that nobody reads half of it."""
    (folder / "next").write_text("%+d\n" % offset_s)
    (folder / "next").rename(folder / "clock")


def check_that_it_jumps(folder):
    for offset_s in (3600, -3600):
        set_clock(folder, offset_s)
        seen = int(subprocess.run(["date", "+%s"], env=faked(folder), capture_output=True,
                                  check=True, timeout=DEADLINE_S).stdout)
        assert abs(seen - time.time() - offset_s) < 5, "libfaketime does not work here"


def run(program, folder):
    """Goal: no disconnect, no stop of the data, no status, nor a wait that is negative or an hour
    long. Method: the clock jumps back and forth over two pings; frames after each jump."""
    check_that_it_jumps(folder)
    set_clock(folder, 0)
    ca = folder / "ca.pem"
    with subprocess.Popen([program, "sim", "--json", "--codes-krw", "20", "--fps", "200",
                           "--ca-out", str(ca)], stdout=subprocess.PIPE, text=True) as sim:
        try:
            port = int(json.loads(sim.stdout.readline())["port"])
            watch = subprocess.Popen(
                [program, "watch", "KRW-BTC", "KRW-ETH", "--endpoint",
                 "wss://localhost:%d/websocket/v1" % port, "--ca", str(ca), "--json"],
                env=faked(folder), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            rows = []
            reader = threading.Thread(target=lambda: rows.extend(map(json.loads, watch.stdout)))
            reader.start()
            for offset_s in JUMPS_S:
                set_clock(folder, offset_s)
                time.sleep(PAUSE_S)
            watch.terminate()
            reader.join(DEADLINE_S)
            errors = watch.stderr.read()
            assert watch.wait(DEADLINE_S) == 0, errors
        finally:
            sim.terminate()
    check(rows)


def check(rows):
    summary = rows.pop()
    assert summary["type"] == "summary", summary
    assert (summary["dropped"], summary["refused"]) == (0, 0), summary
    states = [row for row in rows if row["event"] == "status"]
    events = [row for row in rows if row["event"] in ("ticker", "trade", "orderbook")]
    assert {row["epoch"] for row in events} == {1}, "a connection was lost"
    assert [row["state"] for row in states if row["state"] != row["previous_state"]] == [
        "connecting", "live", "stopped"], states
    times_s = [row["received_mono_ns"] / 1e9 for row in events]
    assert times_s == sorted(times_s), "the monotonic clock went back"
    longest_s = max(b - a for a, b in zip(times_s, times_s[1:]))
    print("%d events over %.1f s and %d jumps, the longest pause %.3f s" %
          (len(events), times_s[-1] - times_s[0], len(JUMPS_S), longest_s))
    assert times_s[-1] - times_s[0] > 0.8 * PAUSE_S * len(JUMPS_S), "data ended early"
    assert longest_s < PAUSE_S, "data stopped"


def main():
    if not LIBRARIES:
        print("skipped: libfaketime is not installed (Debian package faketime)")
        return 77
    with tempfile.TemporaryDirectory(prefix="upfeed_clock_") as name:
        run(sys.argv[1], Path(name))
    return 0


if __name__ == "__main__":
    sys.exit(main())
