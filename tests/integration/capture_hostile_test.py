#!/usr/bin/env python3
"""Recording and captured files in the hands of somebody who does everything wrong, or wants harm.

    capture_hostile_test.py PATH/upfeed
"""

import csv
import io
import json
import os
import signal
import socket
import stat
import struct
import subprocess
import sys
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support"))

from program_support import (DEADLINE_S, PROGRAM, Program, capture_text, run, summary_of,
                             trade_frame)
from upcap import FILE_MAGIC, BLOCK_MAGIC, hash_of

READERS = ("inspect", "verify", "replay")
HUGE = 2**62 - 1


def hashed(data):
    return data + struct.pack("<Q", hash_of(data))


def record(payload=b"{}", kind=1, connection=0, epoch=1, mono=1, unix=1, kernel=0, size=None):
    size = 40 + len(payload) if size is None else size
    return struct.pack("<IBBBBqqqII", size, kind, 1, 2, 0, mono, unix, kernel, connection,
                       epoch) + payload


def upcap(*records, opened=(1, 1), number=0):
    """A file of one block with right checksums, whatever is in it."""
    head = FILE_MAGIC + struct.pack("<IIQqqIHHQ", 1, 64, 7, *opened, number, 0, 0, 9)
    payload = b"".join(records)
    block = BLOCK_MAGIC + struct.pack("<IIIBBxxQQqqQ", len(payload), len(payload), len(records),
                                      0, 0, 7, 0, 0, HUGE, hash_of(payload))
    return hashed(head) + hashed(block) + payload


class Hostile(Program):
    def test_files_with_right_checksums_and_wrong_content(self):
        """Goal: nothing in a file is believed for its checksum alone. Method: connections,
        epochs, times, sizes, types, texts and losses that no recorder writes; each command ends in
        order."""
        trade = trade_frame(1).encode()
        status = b"live\tidle\tnone\tnone\t0\t0\t-1\t"
        cases = {
            "connection": [record(trade, connection=2**32 - 1), record(trade)],
            "connection 32": [record(trade, connection=32)],
            "lost connection": [record(status, kind=3, connection=2**31)],
            "loss of a connection": [record(struct.pack("<QQqq", 9, 9, 0, 0), 4, 99)],
            "epoch": [record(trade, epoch=0), record(trade, epoch=2**32 - 1), record(trade)],
            "negative time": [record(trade, unix=-1)],
            "time": [record(trade, mono=2**63 - 1, unix=2**63 - 1, kernel=2**63 - 1)],
            "far apart": [record(trade, mono=0, unix=HUGE), record(trade, mono=HUGE, unix=1)],
            "size": [record(trade, size=39)],
            "size beyond": [record(trade, size=2**32 - 1)],
            "type": [record(trade, kind=200), record(b"", kind=0)],
            "empty": [record(b"")],
            "short status": [record(b"live", kind=3), record(b"\t" * 20, kind=3)],
            "wrong status": [record(status.replace(b"\t0\t", b"\t99999999999999\t"), kind=3)],
            "long text": [record(status + b"x" * 100_000, kind=3)],
            "short loss": [record(b"x", kind=4)],
            "huge loss": [record(struct.pack("<QQqq", 2**64 - 1, 2**64 - 1, HUGE, -1), kind=4)] * 2,
            "deep": [record(b"[" * 100_000), record(b'{"type":' * 1000)],
            "zeros": [record(bytes(100_000))],
        }
        for name, records in cases.items():
            path = self.write(upcap(*records), "case.upcap")
            for command in READERS:
                done = run(command, path, "--json")
                self.assertIn(done.returncode, (0, 3), (name, command, done.stderr))
                json.loads(done.stdout)
            done = run("replay", path, "--speed", "1e6", "--json")
            self.assertIn(done.returncode, (0, 3), (name, done.stderr))
            done = run("sim", "--replay", path, "--seconds", 0.1)
            self.assertIn(done.returncode, (0, 2), (name, done.stderr))
            out = self.folder / "out.txt"
            done = run("convert", path, "--to", "cryptofeed", "--out", out)
            self.assertIn(done.returncode, (0, 2, 3), (name, done.stderr))
            out.unlink(missing_ok=True)
        said = run("replay", self.write(upcap(*cases["connection"]), "case.upcap")).stderr
        self.assertIn("record 1 is of connection 4294967295, which no feed has", said)
        for opened in ((-1, 1), (1, -1), (2**63 - 1, -2**63)):
            done = run("inspect", self.write(upcap(record(trade), opened=opened), "case.upcap"))
            self.assertEqual(done.returncode, 3)
            self.assertIn("the file header is damaged", done.stdout)

    def test_text_of_files_does_nothing_to_the_terminal(self):
        """Goal: a captured file cannot send escapes. Method: in frames, types, endpoints and names,
        for a terminal and as messages."""
        evil = b"\x1b]0;owned\x07\x1b[2J\xc2\x9b31m"
        frames = [b'{"type":"' + evil + b'","code":"x"}', evil, trade_frame(1).encode()]
        text = b"configuration: {}\nwss://x" + evil + b"/ <-> 1.5\n" + b"".join(
            b"%d.0: %s\n" % (1617646620 + i, frame) for i, frame in enumerate(frames))
        path = self.write(text, "evil\x1b[2J.txt")
        for command in (["inspect"], ["verify"], ["replay"], ["convert", "--to", "csv", "--types",
                                                             "trade"]):
            for on in ("terminal", "pipe"):
                if on == "terminal":
                    _, seen = self.on_terminal([command[0], path, *command[1:]])
                    seen = seen.replace(b"\r\x1b[K", b"")
                else:
                    seen = run(command[0], path, *command[1:]).stderr.encode()
                self.assertNotIn(b"\x1b", seen, (command, on))
                self.assertNotIn(b"\xc2\x9b", seen, (command, on))
                self.assertNotIn(b"\x07", seen, (command, on))

    def test_json_is_json_whatever_the_names_are(self):
        """Goal: --json can always be parsed. Method: file names that are no UTF-8, quotes, line
        ends."""
        for name in (b"bad\xff\xc3(.txt", b'quote".txt', b"line\nend.txt", b"\xed\xa0\x80.txt",
                     "카.txt".encode()):
            path = os.path.join(os.fsencode(self.folder), name)
            with open(path, "wb") as file:
                file.write(capture_text(3).encode())
            for command in READERS:
                done = subprocess.run([PROGRAM, command, path, "--json"], capture_output=True,
                                      timeout=DEADLINE_S)
                self.assertEqual(done.returncode, 0, done.stderr)
                row = json.loads(done.stdout.decode())  # strict UTF-8
                if b"\xff" not in name and b"\xed" not in name:
                    self.assertEqual(row["file"], path.decode())

    def test_odd_times_and_speeds_are_refused_by_name(self):
        """Goal: exit code 2, the option and its value. Method: everything that looks like a
        number."""
        path = self.write(capture_text(30))
        for option in ("--from", "--to"):
            for value in ("now", "2021-04-05", "2021-04-05T18:17:00", "2021-04-05 18:17:00Z",
                          "2021-13-05T18:17:00Z", "2021-02-30T18:17:00Z", "2021-04-05T25:17:00Z",
                          "2021-04-05T18:17:00+99:99", "2021-04-05T18:17:00+-900", "1617646620",
                          "9999-01-01T00:00:00Z", "+", "+10", "+1y", "+nans", "+infs", "+-1s",
                          "+1e3s", "+9999999999999s", "+3000000000s3000000000s", "-5s"):
                done = run("replay", path, option + "=" + value)
                self.assertEqual((done.returncode, done.stdout), (2, ""), (value, done.stderr))
                self.assertIn(value, done.stderr)
        for speed in ("0", "-1", "nan", "inf", "1e7", "fast", "1x", ""):
            done = run("replay", path, "--speed=" + speed)
            self.assertEqual((done.returncode, done.stdout), (2, ""), (speed, done.stderr))
        for seconds in ("--from=+2s", "--to=1970-01-01T00:00:00Z", "--codes=KRW-XRP"):
            done = run("replay", path, seconds, "--json")
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(sum(summary_of(done.stdout)["events"].values()), 0)
            self.assertIn("nothing matches", done.stderr)

    def test_numbers_that_are_none_are_refused(self):
        """Goal: no option takes "nan", or -1 for a very large number. Method: each command that
        ends by a count or a time."""
        for command in (["watch", "KRW-BTC", "--endpoint", "sim"], ["sim"], ["demo"],
                        ["record", "KRW-BTC", "--endpoint", "sim", "--out", self.folder / "out"]):
            for option in ("--seconds", "--frames" if "--endpoint" in command else "--fps"):
                for value in ("nan", "inf", "-1", "1e999", "x", ""):
                    done = run(*command, option + "=" + value)
                    self.assertEqual((done.returncode, done.stdout), (2, ""), (option, value))
                    self.assertIn(option, done.stderr)
                    self.assertLess(len(done.stderr), 150)

    def test_the_slowest_speed_can_be_interrupted(self):
        """Goal: a frame that is due in ages is waited for, not missed or computed wrongly. Method:
        a speed of 1e-300; the first frame comes, the second does not; Ctrl-C within a second."""
        process = self.start("replay", self.write(capture_text(3)), "--speed", "1e-300", "--json")
        time.sleep(1)
        self.assertIsNone(process.poll())
        process.send_signal(signal.SIGINT)
        start = time.monotonic()
        out, _ = process.communicate(timeout=DEADLINE_S)
        self.assertLess(time.monotonic() - start, 5)
        self.assertEqual((process.returncode, json.loads(out)["frames"]), (0, 1))

    def test_a_file_named_twice_is_told(self):
        """Goal: a glob that finds a file twice does not double the day. Method: by its name and by
        a link."""
        path = self.write(capture_text(30), "a.txt")
        os.symlink(path, self.folder / "b.txt")
        for again in (path, self.folder / "b.txt"):
            for command in (["replay", path, again], ["sim", "--replay", path, again]):
                done = run(*command)
                self.assertEqual((done.returncode, done.stdout), (2, ""), done.stderr)
                self.assertIn("is named twice", done.stderr)

    def test_every_form_comes_back_through_every_packing(self):
        """Goal: .gz and .zst of all forms, members one behind the other included. Method: there
        and back, the same lines; then each packed file twice in one."""
        text = self.write(capture_text(90))
        for form in ("upcap", "cryptofeed", "timestamped", "json-lines"):
            hashes = set()
            for end in ("", ".gz", ".zst"):
                path = self.folder / (form + end)
                self.assertEqual(run("convert", text, "--to", form, "--out", path).returncode, 0)
                hashes.add(summary_of(run("replay", path, "--json").stdout)["hash"])
                if form != "json-lines":
                    for options, count in ((["--from", "+225ms"], 45),
                                           (["--from", "2021-04-05T18:17:00.4Z"], 10)):
                        late = summary_of(run("replay", path, *options, "--json").stdout)
                        self.assertEqual(sum(late["events"].values()), count, (path, options))
                        done = run("convert", path, "--to", "json-lines", *options)
                        self.assertEqual(done.stdout.count("\n"), count, (path, options))
                back = self.folder / (form + end + ".lines")
                run("convert", path, "--to", "json-lines", "--out", back)
                self.assertEqual(back.read_bytes().count(b"\n"), 90)
                if end and form != "upcap":
                    double = self.write(path.read_bytes() * 2, "double")
                    self.assertEqual(summary_of(run("replay", double, "--json").stdout)["frames"],
                                     180)
            self.assertEqual(len(hashes), 1)

    def test_a_table_is_read_by_another_reader(self):
        """Goal: CSV is CSV. Method: python's reader; as many columns in each row as names, numbers
        exact, the count of the frames."""
        path = self.write(capture_text(90))
        for stream, count in (("trade", 30), ("orderbook", 60)):
            done = run("convert", path, "--to", "csv", "--types", stream)
            rows = list(csv.reader(io.StringIO(done.stdout), strict=True))
            self.assertEqual(len(rows), count + 1)
            self.assertEqual({len(row) for row in rows}, {len(rows[0])})
            self.assertEqual(len(set(rows[0])), len(rows[0]))
        at = rows[0].index("ask_size_1")
        self.assertEqual({row[at] for row in rows[1:]}, {"12345678901.00000001"})

    def test_a_reader_that_leaves_early_ends_it(self):
        """Goal: `| head` is no error and no hang. Method: each command whose output is long."""
        path = self.write(capture_text(30_000))
        for command in (["convert", path, "--to", "json-lines"],
                        ["convert", path, "--to", "csv", "--types", "orderbook"],
                        ["convert", path, "--to", "upcap"],
                        ["watch", "KRW-BTC", "--endpoint", "sim"]):
            process = self.start(*command)
            process.stdout.buffer.read(100)
            process.stdout.close()
            self.assertEqual(process.wait(timeout=DEADLINE_S), 0, command)
            self.assertEqual(process.stderr.read().count("internal"), 0)

    def test_outputs_that_cannot_be_written(self):
        """Goal: the reason and its exit code, nothing half left behind. Method: /dev/full, an
        existing file, folders that are none, a limit of the file's size."""
        path = self.write(capture_text(3000))
        with open("/dev/full", "wb") as full:
            done = subprocess.run([PROGRAM, "convert", path, "--to", "json-lines"], stdout=full,
                                  stderr=subprocess.PIPE, text=True, timeout=DEADLINE_S)
        self.assertEqual(done.returncode, 1)
        self.assertIn("No space left on device", done.stderr)
        for out in (path, self.folder, self.folder / "none" / "x", path / "x"):
            done = run("convert", path, "--to", "json-lines", "--out", out)
            self.assertEqual((done.returncode, done.stdout), (2, ""), (out, done.stderr))
            self.assertIn(str(out), done.stderr)
        limited = 'ulimit -f 8; exec "$0" convert "$1" --to json-lines --out "$2"'
        done = subprocess.run(["sh", "-c", limited, PROGRAM, path, self.folder / "limited"],
                              capture_output=True, text=True, timeout=DEADLINE_S)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("File too large", done.stderr)
        self.assertEqual(sorted(each.name for each in self.folder.iterdir()), ["file"])

    def test_folders_that_cannot_be_recorded_to(self):
        """Goal: exit code 2 before anything is dialled. Method: a file, a folder of a folder that
        is not there, one that cannot be written to, a name in use."""
        taken = self.write("x", "taken")
        for out, said in ((taken, "Not a directory"), (self.folder / "a" / "b", "No such file"),
                          ("/proc/self", "/proc/self"), ("", "--out")):
            done = run("record", "KRW-BTC", "--endpoint", "sim", "--out", out, "--seconds", 1)
            self.assertEqual((done.returncode, done.stdout), (2, ""), (out, done.stderr))
            self.assertIn(said, done.stderr)
        out = self.folder / "out"
        first = self.start("record", "KRW-BTC", "--endpoint", "sim", "--out", out)
        limit = time.monotonic() + DEADLINE_S
        while not list(out.glob("*.upcap")) and time.monotonic() < limit:
            time.sleep(0.05)
        done = run("record", "KRW-BTC", "--endpoint", "sim", "--out", out, "--seconds", 1)
        self.assertEqual((done.returncode, done.stdout), (2, ""), done.stderr)
        self.assertIn("give this one another name", done.stderr)
        first.send_signal(signal.SIGHUP)  # the terminal is closed
        out_text, errors = first.communicate(timeout=DEADLINE_S)
        self.assertEqual(first.returncode, 0, errors)
        path, = out.glob("*.upcap")
        self.assertTrue(json.loads(run("inspect", path, "--json").stdout)["closed"])
        self.assertEqual(summary_of(out_text)["recorder"]["records_lost"], 0)

    def test_closed_standard_streams_do_not_reach_the_file(self):
        """Goal: no file is taken for standard output. Method: a recording with 0, 1 and 2 closed;
        the file is whole."""
        out = self.folder / "out"
        script = 'exec "$0" record KRW-BTC --endpoint sim --out "$1" --seconds 1 <&- >&- 2>&-'
        done = subprocess.run(["sh", "-c", script, PROGRAM, out], timeout=DEADLINE_S)
        self.assertEqual(done.returncode, 1)  # its summary could not be written
        path, = out.glob("*.upcap")
        found = json.loads(run("verify", path, "--json").stdout)
        self.assertEqual((found["ok"], found["closed"]), (True, True))
        self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o600)

    def test_ctrl_c_does_not_wait_for_a_silent_exchange(self):
        """Goal: an exchange that says nothing does not hold anybody up. Method: a listener that
        accepts and is silent; SIGINT while its market list is asked for."""
        with socket.create_server(("127.0.0.1", 0)) as silent:
            endpoint = ["--endpoint", "wss://127.0.0.1:%d" % silent.getsockname()[1]]
            for command in (["record", "KRW-BTC", "--out", self.folder / "out"],
                            ["record", "--all", "--out", self.folder / "out"], ["markets"],
                            ["watch", "KRW-BTC"]):
                process = self.start(*command, *endpoint)
                time.sleep(0.5)
                process.send_signal(signal.SIGINT)
                start = time.monotonic()
                out, errors = process.communicate(timeout=DEADLINE_S)
                self.assertLess(time.monotonic() - start, 3, command)
                self.assertEqual((process.returncode, out, errors), (0, "", ""), command)

    def test_ctrl_c_at_any_moment(self):
        """Goal: every command ends in time, in order and without a leftover. Method: SIGINT at 8
        moments from the start on; what was recorded is whole or not there."""
        text = self.write(capture_text(9_000))
        for moment in range(8):
            out = self.folder / ("out%d" % moment)
            for command in (["record", "--all", "--endpoint", "sim", "--out", out],
                            ["verify", text], ["convert", text, "--to", "upcap", "--out",
                                               self.folder / ("made%d" % moment)]):
                process = self.start(*command)
                time.sleep(0.02 + 0.09 * moment)
                process.send_signal(signal.SIGINT)
                _, errors = process.communicate(timeout=DEADLINE_S)
                self.assertIn(process.returncode, (0, -signal.SIGINT), (command, errors))
            for path in out.glob("*.upcap") if out.exists() else ():
                self.assertTrue(json.loads(run("verify", path, "--json").stdout)["ok"])
        self.assertEqual([path for path in self.folder.iterdir() if "." in path.name], [])


if __name__ == "__main__":
    unittest.main(verbosity=2)
