#!/usr/bin/env python3
"""The side-by-side run with the two clients that need no package: what it writes, and that its
arithmetic is right. Asserts no speed.

    peers_test.py BUILD_FOLDER
"""

import json
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree as xml
from pathlib import Path

FOLDER = Path(sys.argv.pop(1)).resolve()
HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import peers  # noqa: E402, its folder is known only now
import results  # noqa: E402


class Arithmetic(unittest.TestCase):
    def test_quantiles_are_ranks(self):
        """Goal: the definition of Histogram::quantile, exact. Method: by hand."""
        self.assertEqual(peers.quantile([1, 2, 3, 4], 0.5), 2)
        self.assertEqual(peers.quantile([1, 2, 3, 4], 0.51), 3)
        self.assertEqual(peers.quantile([1, 2, 3, 4], 1), 4)
        self.assertEqual(peers.quantile([7], 0), 7)

    def test_ratios_are_of_the_same_round(self):
        """Goal: a slow round of both does not show in the ratio. Method: rounds 1 and 10 times."""
        options = type("Options", (), {"rate": 6, "seconds": 1})
        def runs(factor):
            return [{"latencies": [us * factor * round_ for us in (1.0, 2.0, 3.0)], "trade": 1,
                     "orderbook": 2, "cpu_seconds": 0.5} for round_ in (1, 10)]
        row = peers.summarize("ccxt", runs(4), runs(1), options)
        self.assertEqual(row["p50_ratio"], 4)
        self.assertEqual(row["trade_percent"], 100)
        self.assertEqual(row["orderbook_percent"], 50)
        self.assertEqual(row["cpu_percent"], 50)


class SideBySide(unittest.TestCase):
    def test_report_holds_every_client(self):
        """Goal: all outputs, and every frame due delivered by the C++ clients. Method: one short
        round."""
        with tempfile.TemporaryDirectory(prefix="upfeed-peers-test-") as scratch:
            readme = Path(scratch) / "README.md"
            readme.write_text("before\n" + "\n".join(results.marks("peers")) + "\nafter\n")
            done = subprocess.run(
                [sys.executable, HERE / "peers.py", FOLDER, "--seconds", "1", "--rounds", "1",
                 "--rate", "300", "--clients", "upfeed,floor", "--out", scratch, "--readme",
                 readme, "--settle", "0"],
                capture_output=True, text=True, timeout=110, check=False)
            self.assertEqual(done.returncode, 0, done.stderr)
            report = json.loads((Path(scratch) / "peers.json").read_text())
            rows = {row["client"]: row for row in report["clients"]}
            self.assertEqual(list(rows), ["upfeed", "floor"])
            self.assertEqual(rows["upfeed"]["p50_ratio"], 1)
            for row in rows.values():
                # A frame can be due at the window's very edge, and a trade without volume is none.
                self.assertAlmostEqual(row["orderbook"], 200, delta=2)
                self.assertAlmostEqual(row["trade"], 50, delta=5)
                self.assertGreater(row["p50_us"], 0)
                self.assertLessEqual(row["p50_us"], row["p99_us"])
            self.assertIn("| upfeed, park |", (Path(scratch) / "peers.txt").read_text())
            picture = xml.fromstring((Path(scratch) / "peers.svg").read_text())
            lines = [each for each in picture.iter() if each.tag.endswith("polyline")]
            self.assertEqual(len(lines), 2)
            text = readme.read_text()
            self.assertTrue(text.startswith("before\n") and text.endswith("\nafter\n"))
            self.assertIn("| upfeed, park |", text)

    def test_unknown_client_is_refused(self):
        """Goal: a misspelt client is not left out in silence."""
        done = subprocess.run([sys.executable, HERE / "peers.py", FOLDER, "--clients", "upfeed,ccx",
                               "--out", "."], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 2)
        self.assertIn("there is no ccx", done.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
