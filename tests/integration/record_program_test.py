#!/usr/bin/env python3
"""`upfeed record` and the replay of what it recorded.

    record_program_test.py PATH/upfeed
"""

import json
import os
import signal
import stat
import subprocess
import time
import unittest

from program_support import DEADLINE_S, PROGRAM, Program, capture_text, run, summary_of

CODES = ["KRW-BTC", "KRW-ETH", "KRW-XRP"]


class Record(Program):
    def record(self, *arguments, code=0):
        out = self.folder / "out"
        done = run("record", *CODES, "--endpoint", "sim", "--out", out, *arguments)
        self.assertEqual(done.returncode, code, done.stderr)
        return done, sorted(out.glob("*.upcap"))

    def test_what_was_recorded_replays_with_the_live_hash(self):
        """Goal: the file holds the day. Method: record from the embedded exchange, compare counts
        and hash with the replay; verify and inspect the file."""
        done, files = self.record("--seconds", 2)
        summary = summary_of(done.stdout)
        self.assert_accounted(summary)
        recorder = summary["recorder"]
        self.assertEqual((recorder["state"], recorder["records_lost"], recorder["files"]),
                         ("closed", 0, 1))
        path, = files
        self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o600)
        self.assertEqual(stat.S_IMODE(path.parent.stat().st_mode), 0o700)
        self.assertEqual(recorder["bytes_out"], path.stat().st_size)
        self.assertEqual(recorder["path"], str(path))
        replayed = summary_of(run("replay", path, "--json").stdout)
        self.assertEqual(replayed["hash"], summary["hash"])
        self.assertEqual(replayed["events"], summary["events"])
        self.assertEqual(replayed["connections_lost"], 0)
        self.assertTrue(json.loads(run("verify", path, "--json").stdout)["ok"])
        found = json.loads(run("inspect", path, "--json").stdout)
        self.assertEqual((found["closed"], found["frames"]), (True, recorder["frames"]))
        self.assertGreaterEqual(found["requests"], 1)
        self.assertGreaterEqual(found["status_changes"], 2)
        self.assertEqual(set(found["streams"]), {"ticker", "trade", "orderbook"})
        self.assertEqual(set(found["streams"]["orderbook"]["codes"]), set(CODES))

    def test_signals_end_the_file_whole(self):
        """Goal: Ctrl-C and SIGTERM close it. Method: each while it records; the last line is the
        summary."""
        for number in (signal.SIGINT, signal.SIGTERM):
            out = self.folder / ("out%d" % number)
            process = self.start("record", *CODES, "--endpoint", "sim", "--out", out)
            limit = time.monotonic() + DEADLINE_S
            while not list(out.glob("*.upcap")) and time.monotonic() < limit:
                time.sleep(0.05)
            time.sleep(1)
            process.send_signal(number)
            rest, errors = process.communicate(timeout=DEADLINE_S)
            self.assertEqual(process.returncode, 0, errors)
            self.assertEqual(summary_of(rest)["recorder"]["records_lost"], 0)
            path, = out.glob("*.upcap")
            found = json.loads(run("verify", path, "--json").stdout)
            self.assertEqual((found["ok"], found["closed"]), (True, True))

    def test_files_rotate_and_replay_as_one(self):
        """Goal: --rotate-age, and several files as one day. Method: a new file every second."""
        done, files = self.record("--seconds", 3, "--rotate-age", "1s", "--name", "day",
                                  "--no-compress")
        summary = summary_of(done.stdout)
        self.assertGreaterEqual(len(files), 2)
        self.assertEqual(len(files), summary["recorder"]["files"])
        self.assertTrue(all(path.name.startswith("day-") for path in files))
        for order in (files, files[::-1]):
            replayed = summary_of(run("replay", *order, "--json").stdout)
            self.assertEqual(replayed["hash"], summary["hash"])
        numbers = [json.loads(run("inspect", path, "--json").stdout) for path in files]
        self.assertEqual([each["file_number"] for each in numbers], list(range(len(files))))
        self.assertEqual(len({each["recording_id"] for each in numbers}), 1)

    def test_a_recording_survives_conversion(self):
        """Goal: data can leave and come back. Method: .upcap -> cryptofeed, timestamped, .upcap;
        hashes and times."""
        _, (path,) = self.record("--seconds", 2)
        original = summary_of(run("replay", path, "--json").stdout)
        for to in ("cryptofeed", "timestamped", "upcap"):
            out = self.folder / ("as." + to)
            self.assertEqual(run("convert", path, "--to", to, "--out", out).returncode, 0)
            found = summary_of(run("replay", out, "--json").stdout)
            self.assertEqual(found["hash"], original["hash"])
        first, second = (json.loads(run("inspect", each, "--json").stdout)
                         for each in (path, self.folder / "as.upcap"))
        for key in ("frames", "first_unix_ns", "last_unix_ns", "requests", "status_changes",
                    "recording_id", "connections", "payload_bytes"):
            self.assertEqual(first[key], second[key], key)
        crypto = (self.folder / "as.cryptofeed").read_text().splitlines()
        self.assertTrue(any(" <-> " in line for line in crypto[:10]), crypto[:3])
        self.assertTrue(any(" <- " in line and "ticket" in line for line in crypto[:10]))

    def test_a_full_disk_is_told_and_answered_with_6(self):
        """Goal: the feed goes on, the file ends valid, the user knows. Method: a file system of
        256 KiB in a mount namespace of its own."""
        probe = subprocess.run(["unshare", "-m", "true"], capture_output=True)
        if os.geteuid() != 0 or probe.returncode != 0:
            self.skipTest("needs root and mount namespaces")
        small, saved = self.folder / "small", self.folder / "saved"
        small.mkdir()
        saved.mkdir()
        script = ('mount -t tmpfs -o size=256k none "$1" && "$2" record --all --endpoint sim '
                  '--out "$1" --no-compress --seconds 3; code=$?; cp "$1"/*.upcap "$3"; exit $code')
        done = subprocess.run(["unshare", "-m", "sh", "-c", script, "sh", small, PROGRAM, saved],
                              capture_output=True, text=True, timeout=DEADLINE_S)
        self.assertEqual(done.returncode, 6, done.stderr)
        self.assertIn("No space left on device", done.stderr)
        self.assertIn("the recording is not whole", done.stderr)
        summary = summary_of(done.stdout)
        self.assert_accounted(summary)
        self.assertEqual(summary["dropped"], 0)
        self.assertGreater(summary["recorder"]["records_lost"], 0)
        for path in saved.glob("*.upcap"):
            self.assertTrue(json.loads(run("verify", path, "--json").stdout)["ok"])

    def test_a_removed_file_is_told_and_answered_with_6(self):
        """Goal: what nobody can read any more counts as lost. Method: remove the file while it is
        written; the next one says how much is missing."""
        out = self.folder / "out"
        process = self.start("record", *CODES, "--endpoint", "sim", "--out", out, "--seconds", 5)
        limit = time.monotonic() + DEADLINE_S
        while not any(path.stat().st_size > 1000 for path in out.glob("*.upcap")):
            self.assertLess(time.monotonic(), limit)
            time.sleep(0.05)
        removed, = out.glob("*.upcap")
        removed.unlink()
        text, errors = process.communicate(timeout=DEADLINE_S)
        self.assertEqual(process.returncode, 6, errors)
        self.assertIn("was removed while it was written", errors)
        lost = summary_of(text)["recorder"]["records_lost"]
        self.assertGreater(lost, 0)
        path, = out.glob("*.upcap")
        found = json.loads(run("inspect", path, "--json").stdout)
        self.assertEqual(found["records_lost"], lost)

    def test_a_terminal_shows_how_far_it_is(self):
        """Goal: frames, rate, bytes, file and losses while it records. Method: a
        pseudo-terminal, Ctrl-C typed into it; the same with --json is silent."""
        out = self.folder / "out"
        def is_recording(seen):
            return b" written " in seen and b".upcap" in seen
        code, seen = self.on_terminal(["record", *CODES, "--endpoint", "sim", "--out", out],
                                      b"\x03", is_recording)
        self.assertEqual(code, 0)
        for part in (b"frames", b"/s", b"lost 0", b"recorded "):
            self.assertIn(part, seen)
        code, seen = self.on_terminal(["record", *CODES, "--endpoint", "sim", "--out", out,
                                       "--json", "--seconds", 1])
        self.assertEqual(code, 0)
        self.assertNotIn(b" written ", seen)

    def test_wrong_arguments_are_named(self):
        """Goal: exit code 2 and the way out. Method: one of each; a second recorder of a name."""
        out = self.folder / "out"
        for arguments, said in (
                (("KRW-BTC",), "--out"),
                (("--out", out), "no market codes"),
                (("KRW-BTC", "--out", out, "--rotate-size", "big"), "--rotate-size big"),
                (("KRW-BTC", "--out", out, "--rotate-age", "soon"), "--rotate-age soon"),
                (("KRW-BTC", "--out", out, "--sync", "maybe"), "on_block"),
                (("KRW-BTC", "--endpoint", "sim", "--out", out, "--rotate-size", "5kB"),
                 "rotate_bytes"),
                (("KRW-BTC", "--endpoint", "sim", "--out", out / "deep" / "er"), "No such file")):
            done = run("record", *arguments)
            self.assertEqual((done.returncode, done.stdout), (2, ""), (arguments, done.stderr))
            self.assertIn(said, done.stderr)


class Account(Program):
    ACCESS, SECRET = "canary-access-key-0123456789", "canary-secret-key-9876543210"

    def setUp(self):
        super().setUp()
        self.out = self.folder / "out"
        self.env = {name: value for name, value in os.environ.items()
                    if not name.startswith(("UPBIT_", "UPFEED_"))}
        self.env["UPFEED_ACCOUNT_KEYS_HOST"] = "localhost"

    def keys_file(self, secret=SECRET, mode=0o600):
        path = self.write('access_key = "%s"\nsecret_key = "%s"\n' % (self.ACCESS, secret), "keys")
        path.chmod(mode)
        return path

    def exchange(self):
        """Options of a simulator with that account."""
        secret = self.write(self.SECRET + "\n", "secret")
        secret.chmod(0o600)
        _, ready = self.start_sim("--access-key", self.ACCESS, "--secret-file", secret,
                                  "--codes-krw", 20)
        return ["--endpoint", ready["url"], "--ca", ready["ca_file"]]

    def record(self, *arguments, command="record"):
        out = ["--out", self.out] if command == "record" else []
        return run(command, *arguments, *out, env=self.env)

    def test_own_orders_and_balances_are_recorded_without_a_secret(self):
        """Goal: an account is in the file, its keys are nowhere, nobody else can read it. Method:
        canary keys from a file and from the environment, against a login; every word of files and
        output is searched; the replay has the live hash."""
        exchange = self.exchange()
        for given in ("file", "environment"):
            self.out = self.folder / given
            keys = ["--keys", self.keys_file()]
            if given == "environment":
                self.env |= {"UPBIT_ACCESS_KEY": self.ACCESS, "UPBIT_SECRET_KEY": self.SECRET}
                keys = []
            done = self.record("KRW-BTC", *exchange, *keys, "--streams",
                               "ticker,myOrder,myAsset,announcement", "--seconds", 4)
            self.assertEqual(done.returncode, 0, done.stderr)
            summary = summary_of(done.stdout)
            for kind in ("ticker", "myOrder", "myAsset"):
                self.assertGreater(summary["events"][kind], 0, kind)
            kinds = {each["kind"]: each["state"] for each in summary["connections"]}
            self.assertEqual(set(kinds), {"public", "private"})
            path, = self.out.glob("*.upcap")
            self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o600)
            replayed = summary_of(run("replay", path, "--json").stdout)
            self.assertEqual((replayed["hash"], replayed["events"]),
                             (summary["hash"], summary["events"]))
            text = run("convert", path, "--to", "cryptofeed").stdout
            self.assertIn('"myOrder"', text)
            self.assertIn('"myAsset"', text)
            said = done.stdout + done.stderr + text + run("inspect", path, "--json").stdout
            said += path.read_bytes().decode("latin-1")
            for word in (self.ACCESS, self.SECRET, "Bearer", "uthorization", "eyJhbGci"):
                self.assertNotIn(word, said)

    def test_an_account_alone_needs_no_codes(self):
        """Goal: no market has to be named, and a quiet account is no failure. Method: the embedded
        exchange, whose account needs no keys; notices alone, of which none comes so soon."""
        done = self.record("--endpoint", "sim", "--streams", "myOrder", "--seconds", 3)
        self.assertEqual(done.returncode, 0, done.stderr)
        summary = summary_of(done.stdout)
        self.assertGreater(summary["events"]["myOrder"], 0)
        self.assertEqual([each["kind"] for each in summary["connections"]], ["private"])
        self.out = self.folder / "quiet"
        done = self.record("--endpoint", "sim", "--streams", "announcement", "--seconds", 1)
        self.assertEqual(done.returncode, 0, done.stderr)
        done = self.record("--endpoint", "sim", "--streams", "myOrder", "--frames", 1,
                           command="watch")
        self.assertEqual(json.loads(done.stdout.splitlines()[-2])["event"], "myOrder", done.stdout)

    def test_a_terminal_shows_the_account(self):
        """Goal: own orders and balances are to be seen. Method: watch in a pseudo-terminal."""
        code, _ = self.on_terminal(
            ["watch", "--endpoint", "sim", "--streams", "myOrder,myAsset"], b"\x03",
            lambda seen: b"order " in seen and b"balance " in seen)
        self.assertEqual(code, 0)

    def test_a_refused_login_costs_the_account_alone(self):
        """Goal: market data is recorded all the same, the refusal is told, exit code 4. Method: a
        wrong secret, with and without a market stream."""
        exchange = self.exchange()
        keys = self.keys_file(secret="another-secret-key")
        command = ["record", "KRW-BTC", *exchange, "--keys", keys, "--streams", "ticker,myOrder",
                   "--out", self.out]
        for options in (["--seconds", 3], []):  # by itself, and by Ctrl-C
            process = self.start(*command, *options, env=self.env)
            if not options:
                time.sleep(3)
                process.send_signal(signal.SIGINT)
            out, errors = process.communicate(timeout=DEADLINE_S)
            self.assertEqual(process.returncode, 4, errors)
            self.assertIn("private connection failed for good", errors)
            self.assertGreater(summary_of(out)["events"]["ticker"], 0)
            self.assertNotIn("another-secret", out + errors)
        done = self.record(*exchange, "--keys", keys, "--streams", "myOrder")  # ends by itself
        self.assertEqual(done.returncode, 4, done.stderr)

    def test_what_cannot_be_is_named(self):
        """Goal: exit code 2 and the way out, before anything is dialled. Method: one of each."""
        keys = self.keys_file()
        for arguments, said in (
                (["--streams", "myOrder"], "UPBIT_ACCESS_KEY is not set"),
                (["--streams", "myOrder"], "--keys FILE"),
                (["--streams", "myOrder", "--keys", self.folder / "none"], "No such file"),
                (["--streams", "myOrder", "--keys", keys, "--endpoint", "sim"], "of its own"),
                (["KRW-BTC", "--keys", keys], "no stream needs keys"),
                (["KRW-BTC", "--streams", "myAsset", "--keys", keys], "whole account"),
                (["--streams", "ticker,myAsset", "--keys", keys], "no market codes"),
                (["--streams", "myOrders"], "myOrder, myAsset, announcement"),
                (["--streams", "myOrder", "--keys", keys, "--endpoint", "wss://127.0.0.1:1"],
                 "keys_host")):
            done = self.record(*arguments)
            self.assertEqual((done.returncode, done.stdout), (2, ""), (arguments, done.stderr))
            self.assertIn(said, done.stderr)
        self.keys_file(mode=0o644)
        done = self.record("--streams", "myOrder", "--keys", keys)
        self.assertEqual(done.returncode, 2)
        self.assertIn("chmod 600", done.stderr)


class Replay(Program):
    def test_bounds_codes_and_types(self):
        """Goal: parts of a day. Method: counts that are known."""
        path = self.write(capture_text())
        def count(*arguments):
            done = run("replay", path, "--json", *arguments)
            self.assertEqual(done.returncode, 0, done.stderr)
            return sum(summary_of(done.stdout)["events"].values())
        self.assertEqual(count(), 300)
        self.assertEqual(count("--from", "+500ms"), 200)
        self.assertEqual(count("--from", "2021-04-05T18:17:00.5Z", "--to", "+1s"), 100)
        self.assertEqual(count("--until", "2021-04-06T03:17:00.25+09:00"), 50)
        self.assertEqual(count("--codes", "KRW-ETH,BTC-ETH"), 200)
        self.assertEqual(count("--types", "myOrder,myAsset,announcement,indicator_signal"), 0)
        self.assertEqual(count("--types", "trade", "--codes", "KRW-BTC", "--from", "+1s"), 33)
        lines = self.write('{"status":"UP"}\n', "lines")
        for arguments, said in (((path, "--from", "x"), "--from x"), ((path, "--speed", 0), "max"),
                                ((path, "--types", "x"), '"x"'), ((lines, "--to", "+1s"), "times"),
                                ((lines, "--speed", 1), "times")):
            done = run("replay", *arguments)
            self.assertEqual((done.returncode, done.stdout), (2, ""), done.stderr)
            self.assertIn(said, done.stderr)

    def test_every_speed_has_the_same_events(self):
        """Goal: pace changes nothing but the time it takes. Method: 1.5 s of frames at 1, 3 and
        max; hash and duration."""
        path = self.write(capture_text())
        rows = {}
        for speed in ("1", "3", "max"):
            done = run("replay", path, "--speed", speed, "--json")
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            rows[speed] = summary_of(done.stdout)
        self.assertEqual(len({row["hash"] for row in rows.values()}), 1)
        self.assertGreater(rows["1"]["seconds"], 1.4)
        self.assertGreater(rows["3"]["seconds"], 0.45)

    def test_a_terminal_shows_time_left_and_place(self):
        """Goal: progress with rate and time left. Method: a pseudo-terminal at the recorded
        speed, Ctrl-C on the way; with --json it is silent."""
        path = self.write(capture_text(3000))
        code, seen = self.on_terminal(["replay", path, "--speed", 1], b"\x03",
                                      lambda seen: b"  at 2021-04-05T18:17:0" in seen)
        self.assertEqual(code, 0)
        self.assertIn(b"/s", seen)
        self.assertIn(b"interrupted", seen)
        code, seen = self.on_terminal(["replay", path, "--json", "--speed", 10])
        self.assertEqual(code, 0)
        self.assertNotIn(b"  at 2021", seen)


if __name__ == "__main__":
    unittest.main(verbosity=2)
