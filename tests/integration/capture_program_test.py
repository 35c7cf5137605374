#!/usr/bin/env python3
"""`upfeed inspect` and `upfeed verify`: what they find in captured files, whole and damaged.

    capture_program_test.py PATH/upfeed
"""

import json
import os
import random
import unittest

from program_support import Program, book_frame, capture_text, run, trade_frame

# The header of a file of version 2, of 32 bytes, with its right hash (XXH3-64) at the end.
FUTURE = (b"\x89UPCAP\r\n" + (2).to_bytes(4, "little") + (32).to_bytes(4, "little") + bytes(8) +
          bytes.fromhex("a0b28e12253bfd30"))


def rows_of(text):
    return [json.loads(line) for line in text.splitlines()]


def block_offsets(data):
    """Of an .upcap file, that of the index last."""
    offsets, at = [], 0
    while (at := data.find(b"\x9DUPBLK\r\n", at)) >= 0:
        offsets.append(at)
        at += 1
    return offsets


class Captures(Program):
    def upcap(self, text=None, name="made.upcap"):
        """An .upcap file of that capture."""
        path = self.folder / name
        done = run("convert", self.write(text or capture_text(), name + ".txt"), "--to", "upcap",
                   "--out", path)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return path


class Inspect(Captures):
    def test_tells_what_is_in_a_file(self):
        """Goal: kind, streams, codes, counts, times, rates and sizes. Method: a capture whose
        content is known, as cryptofeed and as .upcap."""
        text = self.write(capture_text())
        for path, kind in ((text, "cryptofeed"), (self.upcap(), "upcap")):
            done = run("inspect", path, "--json")
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            found = json.loads(done.stdout)
            self.assertEqual((found["kind"], found["frames"]), (kind, 300))
            self.assertEqual(found["endpoint"], "wss://example.com/websocket/v1")
            streams = found["streams"]
            self.assertEqual({name: each["frames"] for name, each in streams.items()},
                             {"trade": 100, "orderbook": 200})
            self.assertEqual(streams["trade"]["codes"], {"KRW-BTC": 100})
            self.assertEqual(streams["orderbook"]["codes"], {"KRW-ETH": 100, "BTC-ETH": 100})
            self.assertEqual(found["first_unix_ns"], 1617646620000000000)
            self.assertEqual(found["last_unix_ns"], 1617646621495000000)
            self.assertEqual(found["peak_second"]["unix_s"], 1617646620)
            self.assertEqual(found["peak_second"]["frames"], 200)
            self.assertAlmostEqual(found["frames_per_second"], 300 / 1.495, places=2)
            payload = sum(len(line) - len("1617646620.000000: b''")
                          for line in capture_text().splitlines()[3:])
            self.assertEqual(found["payload_bytes"], payload)
            self.assertEqual(found["stored_bytes"], path.stat().st_size)
            self.assertAlmostEqual(found["ratio"], payload / path.stat().st_size, places=2)
            self.assertEqual((found["damaged"], found["refused"]), (False, 0))
            shown = run("inspect", path)
            self.assertEqual(shown.returncode, 0)
            for part in (kind, "300", "200 of 2 codes", "2021-04-05T18:17:00", "KRW-BTC 100",
                         "whole"):
                self.assertIn(part, shown.stdout)

    def test_finds_the_times_nothing_came(self):
        """Goal: silences are listed, the longest first. Method: pauses of 30 s, 90 s and 5 s."""
        times = [0, 1, 31, 32, 122, 127]
        lines = ["%d.5: b'%s'" % (1617646620 + at, trade_frame(i)) for i, at in enumerate(times)]
        path = self.write("\n".join(lines))
        found = json.loads(run("inspect", path, "--json").stdout)
        self.assertEqual(found["silences"], 2)
        lengths = [(each["to_unix_ns"] - each["from_unix_ns"]) // 10**9
                   for each in found["longest_silences"]]
        self.assertEqual(lengths, [90, 30])
        self.assertEqual(json.loads(run("inspect", path, "--json", "--silence", "1m").stdout)
                         ["silences"], 1)
        done = run("inspect", path, "--silence", "soon")
        self.assertEqual(done.returncode, 2)
        self.assertIn("--silence soon", done.stderr)

    def test_counts_frames_that_are_no_events(self):
        """Goal: nothing is hidden. Method: one frame of each trouble."""
        frames = [trade_frame(1), '{"ty":"trade","cd":"KRW-BTC"}', '{"status":"UP"}',
                  '{"type":"myFee","uuid":"x"}', "hello", trade_frame(2)[:60]]
        done = run("inspect", self.write("\n".join(frames)), "--json")
        self.assertEqual(done.returncode, 3)
        found = json.loads(done.stdout)
        self.assertEqual(found["other_frames"], {"refused as missing_field": 1, "status frame": 1,
                                                 "unsupported type myFee": 1})
        self.assertEqual((found["refused"], found["damages"]), (1, 2))
        self.assertEqual([each["place"] for each in found["damage_list"]], ["line 5", "line 6"])
        self.assertIn("torn", found["damage_list"][1]["reason"])

    def test_packed_files_are_read_as_they_are(self):
        """Goal: .gz and .zst need no unpacking. Method: the same capture in both."""
        text = self.write(capture_text())
        for end, packing in ((".gz", "gzip"), (".zst", "zstd")):
            path = self.folder / ("packed" + end)
            run("convert", text, "--to", "cryptofeed", "--out", path)
            found = json.loads(run("inspect", path, "--json").stdout)
            self.assertEqual((found["packing"], found["frames"]), (packing, 300))
            self.assertEqual(found["stored_bytes"], path.stat().st_size)
            self.assertGreater(found["ratio"], 5)


class Verify(Captures):
    def verdict(self, path, code):
        done = run("verify", path, "--json")
        self.assertEqual(done.returncode, code, (done.stdout, done.stderr))
        return json.loads(done.stdout)

    def test_whole_files_are_fine(self):
        """Goal: 0 and the counts of what was checked. Method: text, .upcap, and .upcap cut off
        between two blocks, as when its recorder was killed."""
        self.assertTrue(self.verdict(self.write(capture_text()), 0)["ok"])
        path = self.upcap(capture_text(3000))
        found = self.verdict(path, 0)
        self.assertEqual((found["ok"], found["closed"], found["records"]), (True, True, 3000))
        self.assertEqual((found["frames"], found["books"], found["trades"]), (3000, 2000, 1000))
        self.assertGreater(found["blocks"], 2)
        data = path.read_bytes()
        cut = self.write(data[:data.rindex(b"\x9DUPBLK\r\n")], "cut.upcap")
        found = self.verdict(cut, 0)
        self.assertEqual((found["closed"], found["records"]), (False, 3000))
        self.assertIn("not closed", run("verify", cut).stdout)

    def test_every_flipped_bit_is_found(self):
        """Goal: no damage stays unseen, and its place is told. Method: one random bit of each of
        40 places all over the file, the header excepted (it is found, too, but by another
        message)."""
        seed = int(os.environ.get("UPFEED_SEED", random.randrange(2**32)))
        print("UPFEED_SEED=%d" % seed)
        chance = random.Random(seed)
        data = self.upcap(capture_text(1500)).read_bytes()
        for _ in range(40):
            at = chance.randrange(16, len(data))
            damaged = bytearray(data)
            damaged[at] ^= 1 << chance.randrange(8)
            found = self.verdict(self.write(bytes(damaged), "flipped.upcap"), 3)
            place = found["findings"][0]["places"][0]["place"]
            self.assertRegex(place, r"offset \d+", at)
            self.assertLessEqual(int(place.rsplit(" ", 1)[1]), at)
            self.assertTrue(all(each["what"] != "book unsorted" for each in found["findings"]))

    def test_a_torn_end_is_told(self):
        """Goal: what was cut off is counted, in records where that can be known. Method: the file
        without its last 100 bytes, where the index is; within a block of records; within the
        header of one."""
        data = self.upcap(capture_text(3000)).read_bytes()
        blocks = block_offsets(data)
        counts = [int.from_bytes(data[at + 16:at + 20], "little") for at in blocks[:-1]]
        for size, said, missing in (
                (len(data) - 10, "with no records", (0, True)),
                (blocks[1] + 500, "with %d records" % counts[1], (counts[1], True)),
                (blocks[1] + 50, "with an unknown number of records", (0, False))):
            torn = self.write(data[:size], "torn.upcap")
            done = run("verify", torn)
            self.assertEqual(done.returncode, 3)
            self.assertIn("ends within a block", done.stdout)
            self.assertIn(" bytes lost, " + said, done.stdout)
            found = self.verdict(torn, 3)
            self.assertEqual((found["records_missing"], found["records_missing_known"]), missing)
            self.assertIn(said, run("inspect", torn).stdout)
            replayed = json.loads(run("replay", torn, "--json").stdout)
            self.assertEqual(replayed["records_missing"], missing[0])

    def test_a_damage_says_how_many_records_it_hides(self):
        """Goal: lost records are known, not only lost bytes. Method: payload and header of the
        second of several blocks damaged, and of the last one."""
        data = self.upcap(capture_text(6000)).read_bytes()
        blocks = block_offsets(data)
        self.assertGreaterEqual(len(blocks), 4)
        for block in (1, len(blocks) - 2):
            count = int.from_bytes(data[blocks[block] + 16:blocks[block] + 20], "little")
            for at in (blocks[block] + 200, blocks[block] + 30):
                damaged = bytearray(data)
                damaged[at] ^= 1
                found = self.verdict(self.write(bytes(damaged), "damaged.upcap"), 3)
                self.assertEqual((found["records_missing"], found["records"]),
                                 (count, 6000 - count))
                self.assertTrue(found["records_missing_known"])
                self.assertIn("with %d records" % count,
                              found["findings"][0]["places"][0]["text"])
                self.assertEqual(len(found["findings"]), 1)

    def test_blocks_that_are_missing_or_moved_are_found(self):
        """Goal: each block may be whole and the file is not. Method: cut one out, swap two."""
        data = self.upcap(capture_text(3000)).read_bytes()
        starts = block_offsets(data)
        self.assertGreaterEqual(len(starts), 4)
        a, b, c = starts[:3]
        for changed in (data[:b] + data[c:], data[:a] + data[b:c] + data[a:b] + data[c:]):
            found = self.verdict(self.write(changed, "moved.upcap"), 3)
            self.assertEqual(found["findings"][0]["what"], "record numbers that do not follow")

    def test_wrong_content_is_found_frame_by_frame(self):
        """Goal: books and trades are checked, with their lines. Method: crossed books, an unsorted
        one, time going back, a total that cannot be, a trade twice, a frame that is refused."""
        crossed = book_frame(2).replace('"bp":201.25', '"bp":999.25', 1)
        unsorted = book_frame(5).replace('"ap":206.5', '"ap":299.5', 1)
        frames = [book_frame(2), crossed, book_frame(5), unsorted, book_frame(8), book_frame(5),
                  trade_frame(0), trade_frame(3), trade_frame(0), '{"ty":"trade","cd":"KRW-BTC"}',
                  crossed, book_frame(11).replace('"tbs":7.5E-4', '"tbs":7.4E-4')]
        found = self.verdict(self.write("\n".join(frames)), 3)
        self.assertEqual({each["what"]: [(place["place"], place["text"])
                                         for place in each["places"]]
                          for each in found["findings"]},
                         {"book crossed": [("line 2", "BTC-ETH"), ("line 11", "BTC-ETH")],
                          "book unsorted": [("line 4", "BTC-ETH")],
                          "book time_backwards": [("line 6", "BTC-ETH")],
                          "trade id twice": [("line 9", "KRW-BTC 16176466200000007")],
                          "refused as missing_field": [("line 10", "")],
                          "book total below the sum of its levels": [("line 12", "BTC-ETH")]})
        shown = run("verify", self.folder / "file")
        self.assertEqual(shown.returncode, 3)
        self.assertIn("line 2: book crossed: BTC-ETH", shown.stdout)


class WrongFiles(Captures):
    def test_each_command_says_what_a_file_is_not(self):
        """Goal: clear words and exit code 2. Method: pictures, folders, nothing, other versions,
        for every command that reads captures."""
        picture = self.write(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(100), "picture.png")
        future = self.write(FUTURE + bytes(200), "future.upcap")
        cut = self.write(self.upcap().read_bytes()[:30], "cut.upcap")
        for path, said in ((picture, "binary file"), (future, "version 2"), (cut, "ends within"),
                           (self.folder, "directory"), (self.folder / "none", "No such file"),
                           (self.write("", "empty"), "empty"),
                           (self.write("a,b\n1,2\n", "table"), "known are .upcap")):
            for command in (("inspect", path), ("verify", path), ("replay", path),
                            ("convert", path, "--to", "json-lines"), ("sim", "--replay", path)):
                done = run(*command)
                self.assertEqual(done.returncode, 2, (command, done.stderr))
                self.assertIn(said, done.stderr, command)
                self.assertIn(str(path), done.stderr)
                self.assertEqual(done.stdout, "")

    def test_a_pipe_is_read_where_that_can_be(self):
        """Goal: text may come through a pipe, an .upcap file may not. Method: /dev/stdin."""
        for path, code, said in ((self.write(capture_text()), 0, ""), (self.upcap(), 2, "a pipe")):
            for command in ("inspect", "verify"):
                reader, writer = os.pipe()
                os.write(writer, path.read_bytes()[:60_000])
                os.close(writer)
                done = run(command, "/dev/stdin", "--json", stdin=reader)
                os.close(reader)
                self.assertIn(said, done.stderr)
                self.assertIn(done.returncode, (code, 3))  # the capture is cut off at 60 kB

    def test_several_files_are_told_one_by_one(self):
        """Goal: one bad file does not hide the others. Method: good, missing, damaged."""
        good, damaged = self.write(capture_text(), "good"), self.write(trade_frame(0)[:50], "bad")
        for command in ("inspect", "verify"):
            done = run(command, good, self.folder / "none", damaged, "--json")
            self.assertEqual(done.returncode, 2)
            self.assertEqual([row["file"] for row in rows_of(done.stdout)],
                             [str(good), str(damaged)])
            self.assertIn("No such file", done.stderr)
            self.assertEqual(run(command, good, damaged).returncode, 3)

    def test_a_terminal_is_left_clean(self):
        """Goal: progress is gone when the report is there. Method: a pseudo-terminal."""
        code, seen = self.on_terminal(["verify", self.upcap()])
        self.assertEqual(code, 0)
        self.assertIn(b"fine", seen)
        self.assertNotIn(b"left", seen.rsplit(b"\x1b[K", 1)[-1])


if __name__ == "__main__":
    unittest.main(verbosity=2)
