#!/usr/bin/env python3
"""The .upcap format as feed/capture/README.md describes it: tests/support/upcap.py, which is
written from that document, must find in a file what the library finds.

    upcap_format_test.py PATH/upfeed PATH/tests/data
"""

import json
import sys
import time
import unittest
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support"))

import program_support
from program_support import Program, capture_text, run
from upcap import FRAME, LOSS, REQUEST, STATUS, Capture, WrongFile

GOLDENS = sorted(program_support.CORPUS.glob("*.upcap"))
STATES = {"idle", "connecting", "live", "backing_off", "blocked", "failed", "stopped"}


def inspected(path):
    return json.loads(run("inspect", path, "--json").stdout)


class Format(Program):
    def assert_agrees(self, path):
        """Every record of the file, header and index, against inspect and convert."""
        capture, found = Capture(path), inspected(path)
        records = list(capture.records())
        self.assertEqual(capture.damages, [])
        for name in ("version", "endpoint", "library_version", "opened_unix_ns", "file_number",
                     "closed"):
            self.assertEqual(getattr(capture, name), found[name], name)
        self.assertEqual("%016x" % capture.recording_id, found["recording_id"])
        frames = [record for record in records if record.type == FRAME]
        kinds = Counter(record.type for record in records)
        self.assertEqual((kinds[FRAME], kinds[REQUEST], kinds[STATUS], kinds[LOSS]),
                         (found["frames"], found["requests"], found["status_changes"],
                          len(found["losses"])))
        self.assertEqual(sum(len(record.payload) for record in frames), found["payload_bytes"])
        self.assertEqual(min(record.unix_ns for record in frames), found["first_unix_ns"])
        self.assertEqual(max(record.unix_ns for record in frames), found["last_unix_ns"])
        lives = Counter((record.connection, record.epoch) for record in frames)
        self.assertEqual(lives, {(each["connection"], life["epoch"]): life["frames"]
                                 for each in found["connections"] for life in each["epochs"]})
        self.assertEqual([record.number for record in records], list(range(len(records))))
        lines = run("convert", path, "--to", "json-lines").stdout.encode().splitlines()
        self.assertEqual([record.payload for record in frames], lines)
        stamps = run("convert", path, "--to", "timestamped").stdout.splitlines()
        self.assertEqual(len(stamps), len(frames))
        for record, line in zip(frames, stamps):  # seven decimals
            self.assertEqual("%07d" % (record.unix_ns % 10**9 // 100), line[20:27])
        self.assert_index_agrees(capture)
        return records

    def assert_index_agrees(self, capture):
        blocks = [block for block in capture.blocks() if block.kind == 0]
        self.assertEqual(capture.index(),
                         [(block.offset, block.first_record, block.count, block.earliest_unix_ns,
                           block.latest_unix_ns) for block in blocks])
        for block, (first, rest) in zip(blocks, self.times_by_block(capture)):
            self.assertEqual((block.earliest_unix_ns, block.latest_unix_ns), (first, rest))

    @staticmethod
    def times_by_block(capture):
        times = {}
        starts = [block.first_record for block in capture.blocks() if block.kind == 0]
        for record in capture.records():
            start = max(each for each in starts if each <= record.number)
            times.setdefault(start, []).append(record.unix_ns)
        return [(min(each), max(each)) for each in times.values()]

    def test_the_golden_captures_are_read_as_documented(self):
        """Goal: the document is enough to read a file. Method: all files of tests/data."""
        self.assertGreaterEqual(len(GOLDENS), 6)
        status = 0
        for path in GOLDENS:
            with self.subTest(path.name):
                for record in self.assert_agrees(path):
                    direction = {FRAME: 1, REQUEST: 2}.get(record.type, 0)
                    self.assertEqual(record.direction, direction)
                    if record.type == STATUS:
                        state, before, cause, error, http, errno, retry, _ = record.status()
                        self.assertLessEqual({state, before}, STATES)
                        self.assertTrue(cause and error)
                        self.assertEqual((http, errno, retry), (0, 0, -1))
                        status += 1
        self.assertGreater(status, 10)

    def test_a_recording_is_read_as_documented(self):
        """Goal: the same of what the program records, plain and packed. Method: a second of the
        embedded exchange; the request must name what was asked."""
        for packing in ([], ["--no-compress"]):
            out = self.folder / ("plain" if packing else "packed")
            done = run("record", "KRW-BTC", "--endpoint", "sim", "--out", out, "--seconds", 1,
                       *packing)
            self.assertEqual(done.returncode, 0, done.stderr)
            path, = out.glob("*.upcap")
            records = self.assert_agrees(path)
            requests = [json.loads(each.payload) for each in records
                        if each.type == REQUEST and each.payload != b"PING"]
            self.assertTrue(any("KRW-BTC" in part.get("codes", [])
                                for request in requests for part in request))
            states = [each.status()[0] for each in records if each.type == STATUS]
            self.assertEqual((states[0], states[-1]), ("connecting", "stopped"))
            self.assertIn("live", states)
            frames = [each for each in records if each.type == FRAME]
            self.assertTrue(all(0 < each.kernel_unix_ns <= each.unix_ns + 10**9
                                for each in frames))
            flags = {block.flags for block in Capture(path).blocks() if block.kind == 0}
            # A block that does not get smaller stays plain.
            self.assertTrue(flags == {0} if packing else 1 in flags, flags)

    def test_a_loss_is_read_as_documented(self):
        """Goal: what is missing, and when. Method: the file is removed while it is written, which
        the next one notes."""
        out = self.folder / "lost"
        process = self.start("record", "KRW-BTC", "--endpoint", "sim", "--out", out, "--seconds", 4)
        limit = time.monotonic() + program_support.DEADLINE_S
        while not any(path.stat().st_size > 1000 for path in out.glob("*.upcap")):
            self.assertLess(time.monotonic(), limit)
            time.sleep(0.05)
        first, = out.glob("*.upcap")
        first.unlink()
        process.communicate(timeout=program_support.DEADLINE_S)
        path, = out.glob("*.upcap")
        loss = next(each for each in Capture(path).records() if each.type == LOSS)
        told, = inspected(path)["losses"]
        self.assertEqual(list(loss.loss()), [told[name] for name in (
            "records", "payload_bytes", "first_unix_ns", "last_unix_ns")])
        self.assertEqual((loss.connection, loss.epoch, loss.direction, loss.opcode), (0, 0, 0, 0))
        self.assertLess(told["first_unix_ns"], told["last_unix_ns"])
        self.assertLessEqual(told["last_unix_ns"], loss.unix_ns)

    def test_a_damage_is_passed_over_as_documented(self):
        """Goal: both lose the same block and no more. Method: a bit in a payload, one in a header,
        an end that is cut off."""
        path = self.folder / "made.upcap"
        run("convert", self.write(capture_text(6000)), "--to", "upcap", "--out", path)
        blocks = list(Capture(path).blocks())
        self.assertGreaterEqual(len(blocks), 4)
        data = path.read_bytes()
        for name, at in (("payload", blocks[1].offset + 200), ("header", blocks[1].offset + 30),
                         ("end", None)):
            damaged = bytearray(data)
            if at is None:
                del damaged[blocks[2].offset + 500:]
            else:
                damaged[at] ^= 4
            capture = Capture(self.write(bytes(damaged), name + ".upcap"))
            records = list(capture.records())
            found = inspected(self.folder / (name + ".upcap"))
            self.assertEqual(len(capture.damages), 1)
            self.assertEqual((len(records), 1), (found["frames"], found["damages"]))
            self.assertEqual(found["damage_list"][0]["place"].rsplit(" ", 1)[1],
                             str(capture.damages[0][0]))
        damaged = bytearray(data)
        damaged[20] ^= 1
        with self.assertRaises(WrongFile):
            Capture(self.write(bytes(damaged), "wrong.upcap"))


if __name__ == "__main__":
    unittest.main(verbosity=2)
