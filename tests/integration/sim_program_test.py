#!/usr/bin/env python3
"""`upfeed sim` with its options for trouble and logins, seen by a client of the standard library.

    sim_program_test.py PROGRAM
"""

import base64
import hashlib
import hmac
import json
import socket
import ssl
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

PROGRAM = sys.argv.pop(1)
PATIENCE_S = 60


def encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def make_token(access_key, secret, nonce):
    """A JWT by an implementation other than the simulator's."""
    header = encode(json.dumps({"alg": "HS512", "typ": "JWT"}).encode())
    payload = encode(json.dumps({"access_key": access_key, "nonce": nonce}).encode())
    text = f"{header}.{payload}"
    return text + "." + encode(hmac.new(secret.encode(), text.encode(), hashlib.sha512).digest())


class Simulator:
    def __init__(self, *arguments):
        self.process = subprocess.Popen(
            [PROGRAM, "sim", "--json", "--codes-krw", "5", "--codes-btc", "1", "--codes-usdt", "1",
             *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.ready = json.loads(self.process.stdout.readline())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        """The summary line."""
        if self.process.poll() is None:
            self.process.terminate()
        out, self.errors = self.process.communicate(timeout=PATIENCE_S)
        return json.loads(out.splitlines()[-1]) if out else None

    def connect(self):
        context = ssl.create_default_context(cafile=self.ready["ca_file"])
        raw = socket.create_connection(("127.0.0.1", self.ready["port"]), timeout=PATIENCE_S)
        return context.wrap_socket(raw, server_hostname="localhost")

    def upgrade(self, path="/websocket/v1", *headers, client=None):
        """(socket, head of the reply)"""
        client = client or self.connect()
        lines = [f"GET {path} HTTP/1.1", "Host: localhost", "Upgrade: websocket",
                 "Connection: Upgrade", "Sec-WebSocket-Version: 13",
                 "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", *headers, "", ""]
        client.sendall("\r\n".join(lines).encode())
        head = b""
        while b"\r\n\r\n" not in head:
            head += client.recv(1)
        return client, head.decode()

    def status(self, *arguments):
        client, head = self.upgrade(*arguments)
        client.close()
        return int(head.split()[1])


class SimProgram(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.secret = Path(folder.name) / "secret"
        self.secret.write_text("hush hush\n")
        self.secret.chmod(0o600)

    def test_logins_are_checked_and_the_account_lives(self):
        """Goal: --access-key and --secret-file. Method: no, wrong, good, used tokens; an event."""
        with Simulator("--access-key", "mine", "--secret-file", str(self.secret)) as sim:
            path = "/websocket/v1/private"
            good = "Authorization: Bearer " + make_token("mine", "hush hush", "n1")
            wrong = "Authorization: Bearer " + make_token("mine", "hush", "n2")
            self.assertEqual(sim.status(path), 401)
            self.assertEqual(sim.status(path, wrong), 401)
            client, head = sim.upgrade(path, good)
            self.assertIn(" 101 ", head)
            request = b'[{"ticket":"t"},{"type":"myAsset"}]'
            client.sendall(bytes([0x81, 0x80 | len(request), 0, 0, 0, 0]) + request)
            frame = b""
            while b"1386929.37231066771348207123" not in frame:
                data = client.recv(4096)
                self.assertTrue(data)
                frame += data
            client.close()
            self.assertEqual(sim.status(path, good), 401)
            summary = sim.stop()
        self.assertEqual((summary["tokens"], summary["tokens_refused"]), (3, 2))

    def test_faults_and_limits_act(self):
        """Goal: --fault and --rate-limits. Method: statuses of upgrades."""
        with Simulator("--fault", "refuse_upgrade:503,9") as sim:
            client, head = sim.upgrade()
            client.close()
            self.assertIn("HTTP/1.1 503", head)
            self.assertIn("Retry-After: 9\r\n", head)
        with Simulator("--fault", "bad_certificate:expired") as sim:
            self.assertRaises(ssl.SSLCertVerificationError, sim.status)
        with Simulator("--rate-limits") as sim:
            clients = [sim.connect() for _ in range(8)]
            heads = [sim.upgrade(client=client)[1] for client in clients]
            self.assertTrue(any("HTTP/1.1 429" in head for head in heads), heads)
            for client in clients:
                client.close()
            self.assertGreater(sim.stop()["connect_violations"], 0)

    def test_misuse_is_named(self):
        """Goal: exit code 2 and a way out. Method: one wrong option each."""
        open_secret = self.secret.with_name("open")
        open_secret.write_text("x\n")
        open_secret.chmod(0o644)
        for arguments, hint in (
                (("--fault", "nope"), "there are bad_certificate"),
                (("--fault", "delay"), "write delay[@SECONDS]:MS"),
                (("--access-key", "a"), "--secret-file belong together"),
                (("--access-key", "a", "--secret-file", "/nowhere"), "cannot be read"),
                (("--access-key", "a", "--secret-file", str(open_secret)), "chmod 600")):
            done = subprocess.run([PROGRAM, "sim", *arguments], capture_output=True, text=True,
                                  timeout=PATIENCE_S, check=False)
            self.assertEqual(done.returncode, 2, arguments)
            self.assertIn(hint, done.stderr)


if __name__ == "__main__":
    unittest.main()
