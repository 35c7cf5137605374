#!/usr/bin/env python3
"""What README.md shows of the program and its configuration is what they take.

    readme_test.py PATH/upfeed PATH/README.md
"""

import os
import re
import shlex
import signal
import subprocess
import time
import unittest

import program_support
from program_support import DEADLINE_S, PROGRAM, Program, run

README = program_support.CORPUS.read_text()
MANUAL = (program_support.CORPUS.parent / "tools/upfeed/README.md").read_text()
ACCESS, SECRET = "access-key-of-the-example", "secret-key-of-the-example"


def commands():
    """The lines that run the program, without their comments."""
    lines = re.findall(r"^build/upfeed (.*)$", README, re.M)
    return [re.sub(r"\s{2,}#.*", "", line) for line in lines]


class Readme(Program):
    def shell(self, command, env):
        """Runs it in the folder, interrupted after a while if it does not end by itself."""
        process = subprocess.Popen("exec 2>errors; %s %s" % (shlex.quote(PROGRAM), command),
                                   shell=True, executable="/bin/bash", cwd=self.folder, env=env,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   start_new_session=True)
        # A recording until something is in it, which may take a busy machine a while.
        out = re.search(r"--out (\S+)", command)
        files = lambda: (self.folder / out[1]).glob("*.upcap") if out else ()
        limit = time.monotonic() + (DEADLINE_S / 2 if out else 3)
        while process.poll() is None and time.monotonic() < limit:
            if any(path.stat().st_size > 2000 for path in files()):
                break
            time.sleep(0.05)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGINT)
        out, _ = process.communicate(timeout=DEADLINE_S)
        return process.returncode, out, (self.folder / "errors").read_text()

    def test_every_command_runs(self):
        """Goal: a visitor can type what is shown. Method: each line, in its order, in a folder of
        its own; the real exchange is a simulator with an account. What does not end is
        interrupted."""
        secret = self.write(SECRET + "\n", "secret")
        secret.chmod(0o600)
        _, ready = self.start_sim("--access-key", ACCESS, "--secret-file", secret)
        env = dict(os.environ, UPFEED_ACCOUNT_KEYS_HOST="localhost",
                   UPFEED_ENDPOINT_HOST="localhost", UPFEED_ENDPOINT_PORT=str(ready["port"]),
                   UPFEED_ENDPOINT_CA_FILE=ready["ca_file"])
        keys = self.write("access_key = %s\nsecret_key = %s\n" % (ACCESS, SECRET), "keys")
        keys.chmod(0o600)
        self.assertGreaterEqual(len(commands()), 6)
        for command in commands():
            code, out, errors = self.shell(command, env)
            self.assertEqual(code, 0, (command, errors))
            self.assertTrue(out, command)
        self.assertTrue(list((self.folder / "day").glob("*.upcap")))
        self.assertTrue(list((self.folder / "own").glob("*.upcap")))

    def test_the_manual_names_every_option(self):
        """Goal: the table of commands in the manual is that of the program. Method: the options of
        each row against --help of the command."""
        named = {}
        for row in re.findall(r"^\| `([a-z].*?)`(.*?) \|", MANUAL, re.M):
            command = " ".join(re.findall(r"^[a-z]+(?: check| show)?", row[0]))
            named.setdefault(command, set()).update(re.findall(r"--[a-z-]+", row[0]))
        named["record"] |= named["watch"]  # which its row says
        self.assertGreaterEqual(len(named), 11)
        for command, options in named.items():
            shown = run(*command.split(), "--help").stdout
            groups = [set(names.split(",")) for names in
                      re.findall(r"^  ((?:--?[a-z-]+,?)+)", shown, re.M)]
            self.assertLessEqual(options, set().union(*groups), command)
            for names in groups:  # one of several names is enough
                self.assertTrue(names & (options | {"--help"}), (command, names))

    def test_the_configuration_is_one(self):
        """Goal: the TOML shown can be loaded. Method: config check."""
        pieces = re.findall(r"```toml\n(.*?)```", README, re.S)
        self.assertGreaterEqual(len(pieces), 1)
        for piece in pieces:
            done = run("config", "check", self.write(piece, "upfeed.toml"))
            self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))


if __name__ == "__main__":
    unittest.main(verbosity=2)
