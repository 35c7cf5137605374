"""What the tests of the built `upfeed` program share: running it, frames and captures to give it.

Every exchange in these tests is the program's own simulator on the loopback.
"""

import fcntl
import json
import os
import pty
import select
import struct
import subprocess
import sys
import tempfile
import termios
import time
import unittest
from decimal import Decimal
from pathlib import Path

PROGRAM = os.path.abspath(sys.argv.pop(1))
# A folder of real recordings, when one is given.
CORPUS = Path(sys.argv.pop(1)) if sys.argv[1:] and not sys.argv[1].startswith("-") else None
DEADLINE_S = 90  # of one run; machines that run tests may be slow

CODES = ["KRW-BTC", "KRW-ETH", "BTC-ETH"]


def run(*arguments, **options):
    """The finished process, its output as text."""
    options.setdefault("stdin", subprocess.DEVNULL)
    return subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, text=True,
                          timeout=DEADLINE_S, **options)


def summary_of(text):
    return json.loads(text.strip().splitlines()[-1], parse_float=Decimal)


def trade_frame(index):
    code = CODES[index % len(CODES)]
    stamp = 1617646620000 + index * 5
    return ('{"ty":"trade","cd":"%s","tms":%d,"td":"2021-04-05","ttm":"18:17:00","ttms":%d,'
            '"tp":%d.0,"tv":0.0000%04d,"ab":"BID","pcp":100.0,"c":"RISE","cp":9E-8,"sid":%d,'
            '"st":"REALTIME"}' % (code, stamp, stamp, 100 + index, index + 1, stamp * 10000 + 7))


def book_frame(index):
    code = CODES[index % len(CODES)]
    units = ",".join('{"ap":%d.5,"bp":%d.25,"as":12345678901.%08d,"bs":1.5E-4}' %
                     (200 + index + i, 199 + index - i, i + 1) for i in range(5))
    return ('{"ty":"orderbook","cd":"%s","tms":%d,"tas":61728394505.1,"tbs":7.5E-4,"obu":[%s],'
            '"st":"REALTIME"}' % (code, 1617646620000 + index * 5, units))


def capture_text(count=300):
    """A recording in cryptofeed's form."""
    lines = ['configuration: {}', 'wss://example.com/websocket/v1 <-> 1617646619.5',
             'wss://example.com/websocket/v1 <- 1617646620.0: [{"ticket":"x"}]']
    for index in range(count):
        frame = book_frame(index) if index % 3 else trade_frame(index)
        lines.append("%.6f: b'%s'" % (1617646620 + index * 0.005, frame))
    return "\n".join(lines) + "\n"


class Program(unittest.TestCase):
    def setUp(self):
        self._folder = tempfile.TemporaryDirectory(prefix="upfeed_program_")
        self.folder = Path(self._folder.name)
        self.addCleanup(self._folder.cleanup)
        os.environ["TMPDIR"] = str(self.folder)  # a program that is killed leaves its CA file

    def write(self, text, name="file"):
        path = self.folder / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    def start(self, *arguments, **options):
        process = subprocess.Popen([PROGRAM, *map(str, arguments)], stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                   **options)
        self.addCleanup(lambda: (process.kill(), process.wait(), process.stdout.close(),
                                 process.stderr.close()))
        return process

    def start_sim(self, *arguments):
        """A simulator of its own and its ready line."""
        process = self.start("sim", "--json", *arguments)
        return process, json.loads(process.stdout.readline())

    def assert_accounted(self, summary):
        self.assertEqual(summary["received"], summary["delivered"] + summary["conflated"] +
                         summary["dropped"] + summary["refused"])
        self.assertEqual(summary["queued"], 0)

    def on_terminal(self, arguments, key=None, when=None, rows=40, columns=150):
        """Exit code and everything printed of a program on a terminal of its own; `key` is typed
        as soon as when(what was seen so far)."""
        pid, master = pty.fork()
        if pid == 0:
            os.environ["TERM"] = "xterm"
            os.execv(PROGRAM, [PROGRAM, *map(str, arguments)])
        fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        seen, typed = b"", key is None
        limit = time.monotonic() + DEADLINE_S
        while time.monotonic() < limit:
            if select.select([master], [], [], 0.2)[0]:
                try:
                    seen += os.read(master, 65536)
                except OSError:
                    break  # the program closed its end
            if not typed and when(seen):
                os.write(master, key)
                typed = True
        _, status = os.waitpid(pid, 0)
        os.close(master)
        self.assertTrue(typed, seen[-2000:])
        return os.waitstatus_to_exitcode(status), seen
