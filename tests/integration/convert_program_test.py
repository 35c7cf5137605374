#!/usr/bin/env python3
"""`upfeed convert`: every form that captures can be brought into, and back.

    convert_program_test.py PATH/upfeed
"""

import csv
import gzip
import io
import json
import os
import resource
import signal
import stat
import unittest
from decimal import Decimal

from program_support import Program, capture_text, run, summary_of, trade_frame


class Convert(Program):
    def test_formats_hold_the_same_numbers(self):
        """Goal: conversion is exact. Method: compare with an exact parser, there and back, and by
        the hash of the replayed result."""
        path = self.write(capture_text())
        frames = [line[line.index("b'") + 2:-1] for line in capture_text().splitlines()[3:]]
        original = summary_of(run("replay", path, "--json").stdout)["hash"]
        simple = run("convert", path, "--to", "simple")
        self.assertEqual((simple.returncode, simple.stderr), (0, ""))
        lines = simple.stdout.splitlines()
        self.assertEqual(len(lines), len(frames))
        for line, frame in zip(lines, frames):
            self.assertEqual(json.loads(line, parse_float=Decimal),
                             json.loads(frame, parse_float=Decimal))
        for to in ("default", "simple", "json_list", "simple_list"):
            converted = self.write(run("convert", path, "--to", to).stdout, to)
            self.assertEqual(summary_of(run("replay", converted, "--json").stdout)["hash"],
                             original)
        back = run("convert", self.folder / "default", "--to", "simple")
        self.assertEqual(back.stdout, simple.stdout)

    def test_frames_without_a_conversion_are_listed(self):
        """Goal: what is left out is named. Method: frames of unknown streams, of indicators, status
        and error frames between."""
        done = run("convert", self.write("\n".join([
            trade_frame(0), '{"type":"myFee","uuid":"x"}', '{"status":"UP"}',
            '{"error":{"name":"NO_TICKET","message":"m"}}',
            '{"ty":"indicator","cd":"KRW-BTC","v":1}', trade_frame(1)])), "--to", "default")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(len(done.stdout.splitlines()), 2)
        for said in ("1 x unsupported type myFee, first in line 2", "1 x status frame",
                     "1 x error frame", "1 x indicator frame, known under its own names only"):
            self.assertIn(said, done.stderr)

    def test_frames_of_an_account_are_converted(self):
        """Goal: private streams convert like public ones. Method: balances and an order there and
        back, by their text and the hash of a replay."""
        frames = ['{"type":"myAsset","asset_uuid":"x","assets":[{"currency":"KRW",'
                  '"balance":1386929.37231066771348207123,"locked":0}],"asset_timestamp":1,'
                  '"timestamp":2,"stream_type":"REALTIME"}',
                  '{"type":"myOrder","code":"KRW-BTC","uuid":"u","state":"wait","price":1.5,'
                  '"time_in_force":null}',
                  '{"type":"announcement","title":"t","body":"one\\u0001two"}']
        path = self.write("\n".join(frames))
        simple = run("convert", path, "--to", "simple")
        self.assertEqual((simple.returncode, simple.stderr), (0, ""))
        self.assertIn('"ast":[{"cu":"KRW","b":1386929.37231066771348207123,"l":0}]', simple.stdout)
        back = run("convert", self.write(simple.stdout, "simple"), "--to", "default")
        self.assertEqual(back.stdout.splitlines(), frames)
        hashes = {summary_of(run("replay", each, "--json").stdout)["hash"]
                  for each in (path, self.folder / "simple")}
        self.assertEqual(len(hashes), 1)

    def test_damage_is_answered_with_3(self):
        """Goal: what can be written is written, the rest told. Method: a torn last line."""
        done = run("convert", self.write(trade_frame(0) + "\n" + trade_frame(1)[:40]), "--to",
                   "simple")
        self.assertEqual((done.returncode, len(done.stdout.splitlines())), (3, 1))
        self.assertRegex(done.stderr, "line 2: torn")

    def test_unknown_format_is_refused(self):
        """Goal: --to names what there is. Method: a format that is not."""
        done = run("convert", self.write(trade_frame(0)), "--to", "xml")
        self.assertEqual(done.returncode, 2)
        self.assertIn("simple_list", done.stderr)


def value_of(line):
    """Time and frame of a cryptofeed line; how many zeros end the time means nothing."""
    time, _, frame = line.partition(": ")
    return Decimal(time), frame


TIMES_NS = [1617646620849474000, 1617646620849474100, 1617646621000000000, 1617646999999999900]
AWKWARD = ['{"a":"\\u00e9 \'quoted\' \\"both\\""}', '{"b":"caf\u00e9 \u20ac"}', '[{"c":1}]',
           '{"d":"back\\\\slash\\ttab"}']


class RawForms(Program):
    def convert(self, path, to, name, *arguments, code=0):
        out = self.folder / name
        done = run("convert", path, "--to", to, "--out", out, *arguments)
        self.assertEqual(done.returncode, code, done.stderr)
        return out

    def timestamped(self):
        """A capture in tardis's form, with payloads that need every kind of escape."""
        lines = []
        for at, frame in zip(TIMES_NS, AWKWARD):
            seconds = at // 10**9 - 1617646620
            lines.append("2021-04-05T18:%02d:%02d.%07dZ %s" % (
                17 + seconds // 60, seconds % 60, at % 10**9 // 100, frame))
        return "\n".join(lines) + "\n"

    def test_every_form_comes_back_byte_for_byte(self):
        """Goal: .upcap keeps payload and time of any file. Method: X -> upcap -> X, whole files."""
        json_lines = "\n".join(AWKWARD) + "\n"
        for text, form in ((self.timestamped(), "timestamped"), (json_lines, "json-lines")):
            source = self.write(text, form)
            upcap = self.convert(source, "upcap", form + ".upcap")
            back = self.convert(upcap, form, form + ".back")
            self.assertEqual(back.read_bytes(), source.read_bytes())
        source = self.write(capture_text(1000), "cryptofeed")
        upcap = self.convert(source, "upcap", "cryptofeed.upcap")
        back = self.convert(upcap, "cryptofeed", "cryptofeed.back").read_text().splitlines()
        frames = source.read_text().splitlines()[3:]
        self.assertEqual([value_of(line) for line in back[1:]], [value_of(line) for line in frames])
        upcap_again = self.convert(upcap, "upcap", "again.upcap")
        self.assertEqual(self.convert(upcap_again, "cryptofeed", "again").read_text().splitlines(),
                         back)

    def test_other_forms_keep_payload_and_time(self):
        """Goal: a way round through any two forms loses nothing but what the form cannot hold.
        Method: timestamped -> upcap -> cryptofeed -> upcap -> timestamped, packed on the way."""
        source = self.write(self.timestamped())
        upcap = self.convert(source, "upcap", "1.upcap")
        crypto = self.convert(upcap, "cryptofeed", "2.txt.gz")
        for line, frame in zip(gzip.decompress(crypto.read_bytes()).splitlines()[1:], AWKWARD):
            literal = line.partition(b": ")[2].decode()
            self.assertEqual(eval(literal), frame.encode())  # what Python itself reads
        again = self.convert(crypto, "upcap", "3.upcap")
        back = self.convert(again, "timestamped", "4.txt.zst")
        self.assertEqual(self.convert(back, "timestamped", "5.txt").read_text(), source.read_text())

    def test_what_a_line_cannot_hold_is_told(self):
        """Goal: nothing is changed in silence. Method: a frame with line ends within, from a form
        that can hold it; then times where there are none."""
        source = self.write("1617646620.5: b'{\\n\"a\": 1}'\n1617646621.5: b'{}'\n")
        done = run("convert", source, "--to", "json-lines")
        self.assertEqual((done.returncode, done.stdout), (0, "{}\n"))
        self.assertIn("1 x frame with a line end", done.stderr)
        upcap = self.convert(source, "upcap", "made.upcap")
        self.assertEqual(self.convert(upcap, "cryptofeed", "back").read_text().splitlines()[1],
                         "1617646620.5: b'{\\n\"a\": 1}'")
        lines = self.write('{"a":1}\n', "lines")
        for to in ("cryptofeed", "timestamped"):
            done = run("convert", lines, "--to", to)
            self.assertEqual((done.returncode, done.stdout), (2, ""))
            self.assertIn("no receive times", done.stderr)
        self.assertEqual(run("convert", lines, "--to", "upcap", "--until", "+1s").returncode, 2)

    def test_the_same_hash_in_every_form(self):
        """Goal: a replay cannot tell the forms apart. Method: hashes of all of them."""
        source = self.write(capture_text())
        expected = summary_of(run("replay", source, "--json").stdout)["hash"]
        for to in ("upcap", "cryptofeed", "timestamped", "json-lines"):
            for end in ("", ".gz", ".zst"):
                path = self.convert(source, to, to + end)
                done = run("replay", path, "--json")
                self.assertEqual((done.returncode, summary_of(done.stdout)["hash"]), (0, expected))

    def test_parts_are_cut_out(self):
        """Goal: --from, --until, --codes and --types. Method: the frames they must leave, by
        relative and by absolute times, in .upcap and text."""
        source = self.write(capture_text())
        upcap = self.convert(source, "upcap", "all.upcap")
        def count(*arguments):
            frames = []
            for path in (source, upcap):
                done = run("convert", path, "--to", "json-lines", *arguments)
                self.assertEqual(done.returncode, 0, done.stderr)
                frames.append(done.stdout)
            self.assertEqual(*frames)
            return len(frames[0].splitlines())
        self.assertEqual(count("--from", "+500ms"), 200)
        self.assertEqual(count("--from", "+0.5s", "--until", "+1s"), 100)
        self.assertEqual(count("--from", "2021-04-05T18:17:01Z"), 100)
        self.assertEqual(count("--from", "2021-04-06T03:17:01+09:00"), 100)
        self.assertEqual(count("--until", "2021-04-05T18:17:00.25Z"), 50)
        self.assertEqual(count("--codes", "KRW-ETH,BTC-ETH"), 200)
        self.assertEqual(count("--types", "trade", "--from", "+1s"), 33)
        self.assertEqual(count("--types", "ticker,candle.1m"), 0)
        for arguments, said in ((("--from", "noon"), "--from noon"), (("--codes", "krw"), '"krw"'),
                                (("--from", "2021-04-05T18:17:00"), "zone"),
                                (("--types", "prices"), '"prices"'),
                                (("--from", "+2s", "--until", "+1s"), "--until +1s")):
            done = run("convert", source, "--to", "json-lines", *arguments)
            self.assertEqual((done.returncode, done.stdout), (2, ""))
            self.assertIn(said, done.stderr)


class Files(Program):
    def test_a_file_is_never_written_over(self):
        """Goal: --out makes a new file or none. Method: a name that is taken, a folder that is
        not there, a full disk."""
        source = self.write(capture_text(3000))
        taken = self.write("precious", "taken")
        done = run("convert", source, "--to", "upcap", "--out", taken)
        self.assertEqual((done.returncode, taken.read_text()), (2, "precious"))
        self.assertIn("exists already", done.stderr)
        self.assertEqual(run("convert", source, "--to", "upcap", "--out",
                             self.folder / "none" / "x").returncode, 2)
        def small_files():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
        done = run("convert", source, "--to", "upcap", "--out", self.folder / "big",
                   preexec_fn=small_files)
        self.assertEqual(done.returncode, 1)
        self.assertIn("File too large", done.stderr)
        self.assertEqual(sorted(path.name for path in self.folder.iterdir()), ["file", "taken"])

    def test_it_is_as_private_as_its_source(self):
        """Goal: a capture of an account stays its owner's. Method: modes of source and result."""
        source = self.write(capture_text())
        for mode in (0o600, 0o644):
            os.chmod(source, mode)
            out = self.folder / ("out%o" % mode)
            run("convert", source, "--to", "json-lines", "--out", out)
            self.assertEqual(stat.S_IMODE(out.stat().st_mode), mode)


class Csv(Program):
    def table(self, path, *arguments):
        done = run("convert", path, "--to", "csv", *arguments)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return list(csv.DictReader(io.StringIO(done.stdout)))

    def test_trades_and_books_are_exact(self):
        """Goal: each cell is the number of the frame. Method: an exact parser over the frames."""
        path = self.write(capture_text())
        frames = [json.loads(line[line.index("b'") + 2:-1], parse_float=Decimal)
                  for line in capture_text().splitlines()[3:]]
        rows = self.table(path, "--types", "trade")
        trades = [frame for frame in frames if frame["ty"] == "trade"]
        self.assertEqual(len(rows), len(trades))
        for row, frame in zip(rows, trades):
            self.assertEqual((row["code"], row["ask_bid"], row["type"]),
                             (frame["cd"], "BID", "trade"))
            self.assertEqual(Decimal(row["trade_price"]), frame["tp"])
            self.assertEqual(Decimal(row["trade_volume"]), frame["tv"])
            self.assertEqual(int(row["sequential_id"]), frame["sid"])
            self.assertEqual(int(row["timestamp"]), frame["tms"])
            self.assertEqual(row["best_ask_price"], "")
        self.assertEqual(rows[1]["received_unix_ns"], "1617646620015000000")
        rows = self.table(path, "--types", "orderbook", "--depth", 3)
        books = [frame for frame in frames if frame["ty"] == "orderbook"]
        self.assertEqual(len(rows), len(books))
        for row, frame in zip(rows, books):
            for i, unit in enumerate(frame["obu"][:3], 1):
                for name, key in (("ask_price", "ap"), ("ask_size", "as"), ("bid_price", "bp"),
                                  ("bid_size", "bs")):
                    self.assertEqual(Decimal(row["%s_%d" % (name, i)]), unit[key])
            self.assertNotIn("ask_price_4", row)
        rows = self.table(path, "--types", "orderbook")
        self.assertEqual((rows[0]["ask_price_5"] != "", rows[0]["ask_price_6"]), (True, ""))

    def test_tickers_and_candles_have_all_keys(self):
        """Goal: every key of a frame is a column, null an empty cell. Method: one of each."""
        path = self.write('{"type":"ticker","code":"KRW-BTC","trade_price":1.5,"timestamp":5,'
                          '"market_warning":"NONE","delisting_date":null,'
                          '"is_trading_suspended":false,'
                          '"acc_trade_price":12345678901234567890.25}\n'
                          '{"type":"candle.1m","code":"KRW-BTC","opening_price":1,"high_price":3,'
                          '"low_price":0.5,"trade_price":2,"timestamp":7,'
                          '"candle_date_time_utc":"2025-01-02T04:28:00",'
                          '"candle_date_time_kst":"2025-01-02T13:28:00",'
                          '"candle_acc_trade_volume":0.1,"candle_acc_trade_price":0.2}\n')
        row, = self.table(path, "--types", "ticker")
        self.assertEqual((row["acc_trade_price"], row["is_trading_suspended"],
                          row["delisting_date"], row["received_unix_ns"]),
                         ("12345678901234567890.25", "false", "", ""))
        row, = self.table(path, "--types", "candle.1m")
        self.assertEqual((row["type"], row["low_price"], row["candle_date_time_kst"]),
                         ("candle.1m", "0.5", "2025-01-02T13:28:00"))
        none = run("convert", path, "--to", "csv", "--types", "candle.5m")
        self.assertEqual((none.returncode, none.stdout.count("\n")), (0, 1))
        self.assertIn("nothing matches", none.stderr)

    def test_one_stream_has_to_be_named(self):
        """Goal: columns of one stream each. Method: none, two, and one without columns."""
        path = self.write(trade_frame(0))
        for types in ((), ("--types", "trade,ticker"), ("--types", "myOrder")):
            done = run("convert", path, "--to", "csv", *types)
            self.assertEqual(done.returncode, 2)
            self.assertIn("give --types ticker, trade", done.stderr)
        done = run("convert", path, "--to", "simple", "--depth", 3)
        self.assertEqual(done.returncode, 2)
        self.assertIn("--depth", done.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
