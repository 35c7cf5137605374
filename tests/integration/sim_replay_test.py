#!/usr/bin/env python3
"""`upfeed sim --replay`: a recorded day lived again, as clients see it.

    sim_replay_test.py PATH/upfeed
"""

import json
import signal
import unittest

from program_support import (CODES, DEADLINE_S, Program, book_frame, capture_text, run, summary_of,
                             trade_frame)


def events_of(text):
    return [row for row in map(json.loads, text.splitlines()) if "frame" in row]


class SimReplay(Program):
    def serve(self, *arguments):
        process, ready = self.start_sim("--replay", *arguments)
        return process, ("--endpoint", ready["url"], "--ca", ready["ca_file"])

    def watch(self, exchange, *arguments):
        done = run("watch", *arguments, *exchange, "--seconds", 60, "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assert_accounted(summary_of(done.stdout))
        return events_of(done.stdout), summary_of(done.stdout)

    def test_every_kind_of_file_arrives_as_it_was(self):
        """Goal: hashes of replay and of the live day are equal. Method: text, .upcap and packed
        lines, at once."""
        text = self.write(capture_text())
        expected = summary_of(run("replay", text, "--json").stdout)["hash"]
        for to, name in (("upcap", "day.upcap"), ("timestamped", "day.txt.zst")):
            path = self.folder / name
            self.assertEqual(run("convert", text, "--to", to, "--out", path).returncode, 0)
            process, exchange = self.serve(path, "--speed", "max")
            _, summary = self.watch(exchange, *CODES, "--streams", "trade,orderbook", "--format",
                                    "simple", "--frames", 300)
            self.assertEqual(summary["hash"], expected)
            process.send_signal(signal.SIGINT)
            process.wait(timeout=DEADLINE_S)

    def test_the_day_takes_as_long_as_it_did(self):
        """Goal: the recorded times, or N times as fast. Method: 1.5 s of frames at 1, 15 s at 10;
        never faster, and not ten times slower on a busy machine."""
        for path, speed in ((self.write(capture_text(), "day"), 1),
                            (self.write(capture_text(3000), "long"), 10)):
            _, exchange = self.serve(path, "--speed", speed)
            count = 300 if speed == 1 else 3000
            events, _ = self.watch(exchange, *CODES, "--streams", "trade,orderbook", "--frames",
                                   count)
            self.assertEqual(len(events), count)
            took_s = (events[-1]["received_mono_ns"] - events[0]["received_mono_ns"]) / 1e9
            # The last frames may come late in a burst, so only the whole is judged.
            self.assertGreater(took_s, 1.3)
            self.assertLess(took_s, 15)

    def test_subscriptions_are_honoured(self):
        """Goal: codes, streams, formats and units. Method: one code's books of 1 unit; another
        client then gets the last state as a snapshot first."""
        frames = [book_frame(index) if index % 2 else trade_frame(index) for index in range(600)]
        path = self.write("\n".join("%.3f: b'%s'" % (1617646620 + index * 0.01, frame)
                                    for index, frame in enumerate(frames)))
        _, exchange = self.serve(path, "--speed", 2)
        first, _ = self.watch(exchange, "KRW-ETH", "--streams", "orderbook", "--units", 1,
                              "--frames", 20)
        self.assertEqual({(each["frame"]["code"], len(each["frame"]["orderbook_units"]))
                          for each in first}, {("KRW-ETH", 1)})
        whole = [json.loads(frame) for frame in frames if '"cd":"KRW-ETH"' in frame]
        prices = {each["obu"][0]["ap"] for each in whole if each["ty"] == "orderbook"}
        self.assertTrue(all(each["frame"]["orderbook_units"][0]["ask_price"] in prices
                            for each in first))
        late, _ = self.watch(exchange, "KRW-ETH", "--streams", "orderbook,trade", "--format",
                             "json_list", "--frames", 4)
        self.assertEqual([each["frame"]["stream_type"] for each in late][:2], ["SNAPSHOT"] * 2)
        books = [each["frame"] for each in late if each["event"] == "orderbook"]
        self.assertEqual(len(books[0]["orderbook_units"]), 5)
        self.assertGreaterEqual(books[0]["timestamp"], first[-1]["frame"]["timestamp"])

    def test_what_is_not_served_is_told(self):
        """Goal: frames that are no market data, lines that are damaged, files without times.
        Method: one of each; then options that do not go together."""
        path = self.write(trade_frame(0) + '\n{"status":"UP"}\nhello\n' + trade_frame(3))
        process, exchange = self.serve(path)
        events, _ = self.watch(exchange, "KRW-BTC", "--streams", "trade", "--frames", 2)
        self.assertEqual(len(events), 2)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=DEADLINE_S)
        self.assertIn("1 frames that are no market data, 1 bad lines", errors)
        self.assertIn("no receive times", errors)
        for arguments, said in ((("--speed", 2), "--replay"),
                                (("--replay", path, "--speed", "fast"), "max"),
                                (("--replay", path, "--speed", 0), "max"),
                                (("--replay", self.write('{"status":"UP"}', "up")), "no ticker")):
            done = run("sim", *arguments)
            self.assertEqual(done.returncode, 2, arguments)
            self.assertIn(said, done.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
