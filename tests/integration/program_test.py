#!/usr/bin/env python3
"""The built `upfeed` program as a user meets it: what it prints, what it answers, how it ends.

    program_test.py PATH/upfeed [capture folder]

The capture folder, when given, adds the test of a real recording.
"""

import fcntl
import json
import os
import re
import signal
import socket
import struct
import subprocess
import termios
import time
import unittest
from pathlib import Path

from program_support import (CODES, CORPUS, DEADLINE_S, Program, capture_text, run, summary_of,
                             trade_frame)


class Demo(Program):
    def test_json_ends_with_an_exact_account_and_live_books(self):
        """Goal: a demo loses nothing and says so. Method: three seconds in a pipe."""
        done = run("demo", "--seconds", 3, "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual([row["type"] for row in rows[:-1]], ["progress"] * (len(rows) - 1))
        summary = rows[-1]
        self.assertEqual(summary["type"], "summary")
        self.assert_accounted(summary)
        self.assertEqual((summary["dropped"], summary["refused"]), (0, 0))
        self.assertEqual(summary["markets"], 855)
        self.assertEqual(summary["books_live"], 855)
        for kind in ("ticker", "trade", "orderbook"):
            self.assertGreater(summary["events"][kind], 0)
        for stage in ("kernel_to_callback", "receive_to_callback", "exchange_to_callback"):
            row = summary["latency_us"][stage]
            self.assertLessEqual(row["p50"], row["p90"])
            self.assertLessEqual(row["p99_9"], row["max"])
        for line in done.stderr.splitlines():
            self.assertIn("connection 0 live", line)

    def test_signals_end_it_with_the_summary(self):
        """Goal: Ctrl-C and SIGTERM are a good end. Method: send each after the first progress."""
        for number in (signal.SIGINT, signal.SIGTERM):
            process = self.start("demo", "--seconds", 60)
            process.stdout.readline()
            process.send_signal(number)
            rest, errors = process.communicate(timeout=DEADLINE_S)
            self.assertEqual(process.returncode, 0, errors)
            self.assertEqual(summary_of(rest)["type"], "summary")

    def test_closed_output_ends_it_quietly(self):
        """Goal: `upfeed demo | head -1` ends. Method: close the pipe after one line."""
        process = self.start("demo", "--seconds", 60)
        process.stdout.readline()
        process.stdout.close()
        self.assertEqual(process.wait(timeout=DEADLINE_S), 0)
        self.assertNotIn("error", process.stderr.read())

    def test_terminal_is_drawn_and_restored(self):
        """Goal: the view shows live books, and Ctrl-C gives the old screen back. Method: a
        pseudo-terminal of 40 x 150, Ctrl-C typed into it when books are live."""
        # Whole pictures only: what the terminal still holds is thrown away by Ctrl-C.
        def is_whole(seen):
            live = seen.find(b"855 of 855 books live")
            return live >= 0 and seen.count(b"last trades", live) >= 2
        code, seen = self.on_terminal(["demo", "--seconds", 60], b"\x03", when=is_whole)
        self.assertEqual(code, 0)
        for part in (b"\x1b[?1049h", b"KRW-BTC", b"live", b"last trades", b"\xe2\x96\x88"):
            self.assertIn(part, seen)
        tail = seen[seen.rindex(b"\x1b[?1049l"):]
        self.assertIn(b"received", tail)


class Replay(Program):
    def test_counts_and_hash_are_the_same_every_time(self):
        """Goal: a replay tells the same of the same file. Method: twice as JSON, once as text."""
        path = self.write(capture_text())
        first, second, text = (run("replay", path, "--json"), run("replay", path, "--json"),
                               run("replay", path))
        self.assertEqual((first.returncode, first.stderr), (0, ""))
        summary = summary_of(first.stdout)
        self.assertEqual(summary["frames"], 300)
        self.assertEqual({kind: count for kind, count in summary["events"].items() if count},
                         {"trade": 100, "orderbook": 200})
        self.assertEqual((summary["refused"], summary["bad_lines"]), ({}, 0))
        self.assertEqual(summary["hash"], summary_of(second.stdout)["hash"])
        self.assertIn(summary["hash"], text.stdout)

    def test_another_digit_is_another_hash(self):
        """Goal: the hash sees the content. Method: change one digit of one size."""
        text = capture_text()
        other = text.replace(".00000003,", ".00000004,", 1)
        self.assertNotEqual(text, other)
        hashes = {summary_of(run("replay", self.write(each), "--json").stdout)["hash"]
                  for each in (text, other)}
        self.assertEqual(len(hashes), 2)

    def test_damage_is_counted_by_cause_and_answered_with_3(self):
        """Goal: no frame goes missing in silence. Method: one frame of each trouble, a torn end."""
        frames = [trade_frame(1), '{"ty":"trade","cd":"KRW-BTC"}', '{"status":"UP"}',
                  '{"type":"myFee","uuid":"x"}', "hello", trade_frame(2)[:60]]
        done = run("replay", self.write("\n".join(frames)), "--json")
        self.assertEqual(done.returncode, 3)
        summary = summary_of(done.stdout)
        self.assertEqual(summary["frames"], 4)
        self.assertEqual(summary["events"]["trade"], 1)
        self.assertEqual(summary["refused"], {"missing_field": 1, "unknown_type": 1})
        self.assertEqual(summary["other_frames"], 1)
        self.assertEqual(summary["bad_lines"], 2)
        self.assertIn("line 5", done.stderr)
        self.assertRegex(done.stderr, "line 6: torn")

    def test_unreadable_files_are_refused_with_2(self):
        """Goal: a file that is no capture says so. Method: one of each, for each command."""
        binary = self.write(b"\x00\x01\x02", "binary")
        empty = self.write("", "empty")
        table = self.write("time,price\n1,2\n", "table")
        for path, said in ((self.folder / "none", "No such file"), (self.folder, "directory"),
                           (binary, "binary"), (empty, "empty"), (table, "time,price")):
            for command in (("replay", path), ("convert", path, "--to", "simple"),
                            ("sim", "--replay", path), ("inspect", path),
                            ("verify", path)):
                done = run(*command)
                self.assertEqual(done.returncode, 2, done.stderr)
                self.assertIn(said, done.stderr)
                self.assertIn(str(path), done.stderr)
                self.assertEqual(done.stdout, "")


class Config(Program):
    def test_check_lists_every_mistake(self):
        """Goal: 0 for a good file, 2 and a line a mistake for a bad one. Method: one of each."""
        good = self.write('profile = "production"\n[endpoint]\nregion = "sg"\n', "good.toml")
        done = run("config", "check", good)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))
        bad = self.write('[endpoint]\nhost = "ws://x"\n[conection]\n[limits]\nring_bytes = 5\n',
                         "bad.toml")
        done = run("config", "check", bad, env={**os.environ, "UPFEED_ENDPOINT_PORT": "x"})
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        lines = done.stderr.splitlines()
        self.assertEqual(len(lines), 4, done.stderr)
        for line, said in zip(lines, ("bad.toml:2: endpoint.host", "bad.toml:3: [conection]",
                                      "bad.toml:5: limits.ring_bytes", "UPFEED_ENDPOINT_PORT")):
            self.assertIn(said, line)
        self.assertEqual(run("config", "check", self.folder / "none").returncode, 2)

    def test_show_can_be_loaded_again(self):
        """Goal: what is shown is what is in force. Method: show, check and show again; as JSON,
        with variable and profile."""
        environment = {**os.environ, "UPFEED_CONNECTION_PING_INTERVAL_MS": "7000"}
        first = run("config", "show", "--profile", "production", env=environment)
        self.assertEqual(first.returncode, 0, first.stderr)
        path = self.write(first.stdout)
        self.assertEqual(run("config", "show", path).stdout, first.stdout)
        shown = json.loads(run("config", "show", "--json", path).stdout)
        self.assertEqual(shown["connection"]["ping_interval_ms"], 7000)
        self.assertEqual(shown["requests"]["batching"], "balanced")
        self.assertEqual(run("config", "show", "--profile", "none").returncode, 2)

    def test_watch_is_configured_by_file_and_arguments(self):
        """Goal: --config says where and how, arguments win. Method: a simulator named in a file
        only, then another format as argument."""
        _, ready = self.start_sim()
        path = self.write('[endpoint]\nhost = "localhost"\nport = %s\nca_file = "%s"\n'
                          '[sharding]\nconnections = 2\n' %
                          (ready["url"].rsplit(":", 1)[1].split("/")[0], ready["ca_file"]))
        done = run("watch", "KRW-BTC", "KRW-ETH", "KRW-XRP", "KRW-SOL", "--config", path,
                   "--format", "simple_list", "--frames", 20, "--seconds", 60)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(len(summary_of(done.stdout)["connections"]), 2)
        self.write('[endpoint]\nprot = 1\n')
        done = run("watch", "KRW-BTC", "--config", path)
        self.assertEqual(done.returncode, 2)
        self.assertIn("did you mean endpoint.port?", done.stderr)


class Metrics(Program):
    def serve(self, *arguments):
        """A demo that serves its metrics, and its port."""
        process = self.start("demo", "--seconds", 60, "--metrics", *arguments)
        line = process.stderr.readline()
        found = re.search(r"metrics at http://127\.0\.0\.1:(\d+)/metrics", line)
        self.assertTrue(found, line)
        return process, int(found.group(1))

    def request(self, port, text):
        """The answer to raw bytes, as text, until the server closes."""
        with socket.create_connection(("127.0.0.1", port), timeout=DEADLINE_S) as peer:
            answer = b""
            try:
                peer.sendall(text)
                while part := peer.recv(65536):
                    answer += part
            except (ConnectionResetError, BrokenPipeError):
                pass  # it left bytes of ours unread
            return answer.decode()

    def get(self, port, target, method="GET"):
        head, _, body = self.request(
            port, b"%s %s HTTP/1.1\r\nHost: x\r\n\r\n" % (method.encode(), target.encode())
        ).partition("\r\n\r\n")
        return int(head.split()[1]), head, body

    def test_scraped_while_it_runs(self):
        """Goal: Prometheus and a watchdog are served beside the data. Method: wait for health over
        HTTP, then compare a scrape with the summary."""
        process, port = self.serve(":0")
        limit = time.monotonic() + DEADLINE_S
        while True:
            status, _, body = self.get(port, "/health")
            health = json.loads(body)
            self.assertEqual(status, 503 if health["state"] == "unhealthy" else 200)
            self.assertEqual(health["state"] == "healthy", health["reasons"] == [])
            # Before the first subscription there is nothing to be unhealthy about.
            status, head, body = self.get(port, "/metrics")
            received = re.search(r'upfeed_received_total{stream="orderbook"} (\d+)', body)
            done = health["state"] == "healthy" and int(received[1]) >= 855
            if done or time.monotonic() > limit:
                break
            time.sleep(0.1)
        self.assertEqual(health["state"], "healthy")
        self.assertEqual(status, 200)
        self.assertIn("text/plain; version=0.0.4", head)
        self.assertIn("Content-Length: %d" % len(body), head)
        samples = dict(line.rsplit(" ", 1) for line in body.splitlines() if line[0] != "#")
        self.assertEqual(samples["upfeed_health"], "0")
        received = int(samples['upfeed_received_total{stream="orderbook"}'])
        self.assertGreaterEqual(received, 855)
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=DEADLINE_S)
        summary = summary_of(rest)
        self.assertGreaterEqual(summary["streams"]["orderbook"]["received"], received)
        self.assertEqual(set(summary["health"]), {"state", "reasons"})
        self.assertEqual(summary["connections"][0]["kind"], "public")
        self.assertEqual(summary["connections"][0]["connects"], 1)

    def test_other_requests_are_answered_or_dropped(self):
        """Goal: nobody keeps the server busy. Method: wrong paths and methods, a head without end,
        more silent connections than there may be; the next scrape has to come."""
        _, port = self.serve(":0")
        self.assertEqual(self.get(port, "/")[0], 404)
        self.assertEqual(self.get(port, "/metrics?x=1")[0], 200)
        status, head, _ = self.get(port, "/metrics", "POST")
        self.assertEqual(status, 405)
        self.assertIn("Allow: GET, HEAD", head)
        body = b"POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"
        self.assertTrue(self.request(port, body).startswith("HTTP/1.1 405"))
        status, head, body = self.get(port, "/metrics", "HEAD")
        self.assertEqual((status, body), (200, ""))
        self.assertGreater(int(re.search(r"Content-Length: (\d+)", head).group(1)), 1000)
        self.assertEqual(self.request(port, b"GET / HTTP/1.1\r\nX: " + b"x" * 100000), "")
        self.assertEqual(self.request(port, b"nonsense\r\n\r\n"), "")
        silent = [socket.create_connection(("127.0.0.1", port)) for _ in range(20)]
        self.addCleanup(lambda: [peer.close() for peer in silent])
        self.assertEqual(self.get(port, "/health")[0], 200)

    def test_only_the_loopback_listens_unless_told(self):
        """Goal: nobody serves a network by accident. Method: what the kernel lists as listening."""
        _, port = self.serve(":0")
        addresses = [line.split()[1] for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        mine = [each for each in addresses if each.endswith(":%04X" % port)]
        self.assertIn("0100007F:%04X" % port, mine)
        self.assertNotIn("00000000:%04X" % port, mine)

    def test_port_in_use_is_told(self):
        """Goal: a scrape never reads another program. Method: a socket that is there first."""
        with socket.socket() as first:
            first.bind(("127.0.0.1", 0))
            first.listen()
            done = run("demo", "--seconds", 1, "--metrics", ":%d" % first.getsockname()[1])
        self.assertEqual(done.returncode, 4)
        self.assertIn("--metrics 127.0.0.1:", done.stderr)


class Live(Program):
    def served_hash(self, path, codes, count):
        """The hash of a capture received live: simulator and watch are two processes."""
        process, ready = self.start_sim("--replay", path, "--speed", "max")
        done = run("watch", *codes, "--streams", "trade,orderbook", "--endpoint", ready["url"],
                   "--ca", ready["ca_file"], "--format", "simple", "--frames", count,
                   "--seconds", 60, "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        summary = summary_of(done.stdout)
        self.assert_accounted(summary)
        events = [json.loads(line) for line in done.stdout.splitlines()[:-1]]
        data = [event for event in events if "frame" in event]
        self.assertEqual(len(data), count)
        self.assertTrue(all(event["frame"]["type"] == event["event"] for event in data))
        process.send_signal(signal.SIGINT)
        process.wait(timeout=DEADLINE_S)
        self.assertFalse(Path(ready["ca_file"]).exists())
        return summary["hash"]

    def test_capture_served_live_has_the_hash_of_its_replay(self):
        """Goal: nothing is lost or changed on the way through TLS. Method: compare hashes."""
        path = self.write(capture_text())
        expected = summary_of(run("replay", path, "--json").stdout)["hash"]
        self.assertEqual(self.served_hash(path, CODES, 300), expected)

    def test_real_recording_replays_and_arrives_live(self):
        """Goal: the same for a recording of the real exchange. Method: its known counts."""
        if CORPUS is None:
            self.skipTest("no capture folder given")
        path = CORPUS / "upbit-2021-04-05-simple" / "raw.txt"
        summary = summary_of(run("replay", path, "--json").stdout)
        self.assertEqual(summary["frames"], 1733)
        self.assertEqual((summary["events"]["orderbook"], summary["events"]["trade"]), (1061, 672))
        self.assertEqual(summary["refused"], {})
        codes = sorted(set(re.findall(r'"cd":"([A-Z0-9-]+)"', path.read_text())))
        self.assertEqual(self.served_hash(path, codes, 1733), summary["hash"])

    def test_watch_of_the_embedded_exchange(self):
        """Goal: --endpoint sim needs nothing else. Method: all streams of two markets."""
        done = run("watch", "KRW-BTC", "KRW-ETH", "--streams", "ticker,trade,orderbook,candle.1m",
                   "--units", 5, "--endpoint", "sim", "--seconds", 3)
        self.assertEqual(done.returncode, 0, done.stderr)
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        kinds = {row.get("event") for row in rows[:-1]}
        self.assertLessEqual({"status", "ticker", "trade", "orderbook", "candle"}, kinds)
        for row in rows:
            if row.get("event") == "orderbook":
                self.assertEqual(len(row["frame"]["orderbook_units"]), 5)
        self.assert_accounted(rows[-1])

    def test_second_signal_forces_the_end(self):
        """Goal: a reader that sleeps cannot keep the program. Method: fill the pipe, then send
        SIGTERM twice."""
        markets = run("markets", "--endpoint", "sim").stdout
        codes = [line.split()[0] for line in markets.splitlines()]
        process = self.start("watch", *codes, "--endpoint", "sim")
        limit, fill = time.monotonic() + DEADLINE_S, [0]
        # Full is where it stops to grow; a pipe may hold less than its size in small writes.
        while (fill[-1] == 0 or fill[-5:] != fill[-1:] * 5) and time.monotonic() < limit:
            time.sleep(0.2)
            count = fcntl.ioctl(process.stdout, termios.FIONREAD, b"\0" * 4)
            fill.append(struct.unpack("i", count)[0])
        process.send_signal(signal.SIGTERM)
        with self.assertRaises(subprocess.TimeoutExpired):
            process.wait(timeout=2)  # the summary waits for its reader
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(timeout=DEADLINE_S), 128 + signal.SIGTERM)

    def test_markets_come_from_the_exchange(self):
        """Goal: the list is whole and can be cut by quote. Method: the embedded exchange."""
        lines = run("markets", "--endpoint", "sim").stdout.splitlines()
        self.assertEqual(len(lines), 855)
        rows = [json.loads(line) for line in run(
            "markets", "--endpoint", "sim", "--quote", "KRW", "--json").stdout.splitlines()]
        self.assertEqual(len(rows), 289)
        self.assertTrue(all(row["code"].startswith("KRW-") for row in rows))
        self.assertEqual(run("markets", "--endpoint", "sim", "--quote", "EUR").returncode, 2)

    def test_time_over_before_the_frames_is_5(self):
        """Goal: --frames that did not come are told. Method: more than three seconds bring."""
        done = run("watch", "KRW-BTC", "--endpoint", "sim", "--frames", 10**9, "--seconds", 3)
        self.assertEqual(done.returncode, 5)
        self.assertIn("1000000000", done.stderr)


class BadInput(Program):
    def test_arguments_are_refused_with_what_to_do(self):
        """Goal: each wrong argument names itself and the way out. Method: one of each."""
        for arguments, said in (
                ((), "subcommand"),
                (("watch",), "no market codes"),
                (("watch", "krw-btc"), "upper case"),
                (("watch", "KRW-BTC", "--units", 7), "1, 5, 15 or 30"),
                (("watch", "KRW-BTC", "--units", "x"), "--units"),
                (("watch", "KRW-BTC", "--streams", "trade,prices"), '"prices"'),
                (("watch", "KRW-BTC", "--streams", "candle.2m"), "candle.2m"),
                (("watch", "KRW-BTC", "--streams", ""), "no stream"),
                (("watch", "KRW-BTC", "--format", "xml"), "json_list"),
                (("watch", "KRW-BTC", "--endpoint", "ws://localhost:1"), "wss://"),
                (("watch", "KRW-BTC", "--endpoint", "wss://localhost:0"), "port"),
                (("watch", "KRW-BTC", "--endpoint", "wss://:1"), "host"),
                (("watch", "KRW-BTC", "--ca", self.folder / "none"), "No such file"),
                (("watch", "KRW-BTC", "--seconds", -1), "--seconds"),
                (("watch", "KRW-BTC", "--metrics", "9100"), ":PORT"),
                (("watch", "KRW-BTC", "--metrics", "here:9100"), "no address"),
                (("demo", "--metrics", ":70000"), "0 to 65535"),
                (("demo", "--config", self.folder / "none"), "No such file"),
                (("demo", "--profile", "test"), "development or production"),
                (("config",), "subcommand"),
                (("watch", "KRW-BTCC", "--endpoint", "sim"), "did you mean KRW-BTC"),
                (("watch", "BTC-KRW", "--endpoint", "sim"), "KRW-BTC"),
                (("sim", "--speed", 2), "--replay"),
                (("demo", "--book", "KRW-NOPE"), "KRW-NOPE"),
                (("replay",), "FILE")):
            done = run(*arguments)
            self.assertEqual(done.returncode, 2, (arguments, done.stderr))
            self.assertIn(said, done.stderr, arguments)
            self.assertEqual(done.stdout, "", arguments)

    def test_help_tells_the_exit_codes(self):
        """Goal: the table is where people look. Method: --help of the program and a command."""
        done = run("--help")
        self.assertEqual(done.returncode, 0)
        self.assertIn("Exit codes: 0", done.stdout)
        self.assertEqual(run("watch", "--help").returncode, 0)

    def test_unreachable_exchange_ends_in_time_with_4(self):
        """Goal: no data is an error that says why. Method: a port where nobody listens."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        done = run("watch", "KRW-BTC", "--endpoint", "wss://localhost:%d" % port, "--seconds", 2)
        self.assertEqual(done.returncode, 4)
        for said in ("codes are not checked", "connect", "no data came"):
            self.assertIn(said, done.stderr)
        self.assertEqual(run("markets", "--endpoint", "wss://localhost:%d" % port).returncode, 4)

    def test_untrusted_exchange_is_refused(self):
        """Goal: no verification, no data. Method: a simulator without its CA file."""
        _, ready = self.start_sim()
        done = run("watch", "KRW-BTC", "--endpoint", ready["url"], "--seconds", 2)
        self.assertEqual(done.returncode, 4)
        self.assertIn("tls", done.stderr)
        self.assertEqual(summary_of(done.stdout)["received"], 0)

    def test_port_in_use_is_told(self):
        """Goal: two simulators on one port do not fight. Method: a socket that is there first."""
        with socket.socket() as first:
            first.bind(("127.0.0.1", 0))
            first.listen()
            port = first.getsockname()[1]
            done = run("sim", "--port", port)
        self.assertEqual(done.returncode, 4)
        self.assertIn(str(port), done.stderr)
        self.assertIn("--port", done.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
