#!/usr/bin/env python3
"""`upfeed inspect`, `verify` and `convert` over every file of a folder of real captures.

    captures_corpus_test.py PATH/upfeed FOLDER
"""

import json
import unittest

from program_support import CORPUS, Program, run

FILES = sorted(path for path in CORPUS.rglob("*") if path.is_file())
CAPTURES = [path for path in FILES if path.suffix in (".txt", ".jsonl")]
RAW_2021 = CORPUS / "upbit-2021-04-05-simple" / "raw.txt"


class Corpus(Program):
    def test_every_file_is_inspected_and_verified(self):
        """Goal: real captures are whole and sensible, other files are refused by name. Method:
        every file of the folder through both commands; the frames against the lines."""
        self.assertGreaterEqual(len(CAPTURES), 5)
        for path in FILES:
            for command in ("inspect", "verify"):
                done = run(command, path, "--json")
                if path not in CAPTURES:
                    self.assertEqual((done.returncode, done.stdout), (2, ""), path)
                    self.assertIn(str(path), done.stderr)
                    continue
                self.assertEqual((done.returncode, done.stderr), (0, ""), (path, done.stdout))
                found = json.loads(done.stdout)
                lines = [line for line in path.read_text().splitlines() if line[:1] in "1{["]
                self.assertEqual(found["frames"], len(lines), path)
                shown = run(command, path)
                self.assertEqual(shown.returncode, 0)
                self.assertIn(str(path), shown.stdout)

    def test_the_capture_of_2021_is_described(self):
        """Goal: the numbers its provenance states. Method: inspect and verify."""
        found = json.loads(run("inspect", RAW_2021, "--json").stdout)
        self.assertEqual({name: each["frames"] for name, each in found["streams"].items()},
                         {"orderbook": 1061, "trade": 672})
        span_s = (found["last_unix_ns"] - found["first_unix_ns"]) / 1e9
        self.assertAlmostEqual(span_s, 118.8, places=1)
        self.assertEqual(found["endpoint"], "wss://api.upbit.com/websocket/v1")
        checked = json.loads(run("verify", RAW_2021, "--json").stdout)
        self.assertEqual((checked["books"], checked["trades"]), (1061, 672))

    def test_every_capture_comes_back_from_upcap(self):
        """Goal: payload and time survive. Method: X -> .upcap -> X, the lines of frames equal."""
        for number, path in enumerate(CAPTURES):
            form = json.loads(run("inspect", path, "--json").stdout)["kind"].replace("_", "-")
            upcap = self.folder / ("%d.upcap" % number)
            made = run("convert", path, "--to", "upcap", "--out", upcap)
            self.assertEqual((made.returncode, made.stderr), (0, ""))
            self.assertEqual(run("verify", upcap).returncode, 0)
            back = run("convert", upcap, "--to", form)
            self.assertEqual((back.returncode, back.stderr), (0, ""))
            frames = [line for line in path.read_text().splitlines() if line[:1] in "1{["]
            lines = [line for line in back.stdout.splitlines() if line[:1] in "1{["]
            self.assertEqual(lines, frames, path)


if __name__ == "__main__":
    unittest.main(verbosity=2)
