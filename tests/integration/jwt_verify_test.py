"""Login tokens, verified by code that shares nothing with ours: Python's own base64, hmac and json,
and the openssl program. Usage: jwt_verify_test.py <jwt_print>"""

import base64
import hashlib
import hmac
import json
import random
import shutil
import string
import subprocess
import sys
import unittest
import uuid

PRINT = sys.argv.pop(1)
DIGESTS = {"hs512": hashlib.sha512, "hs256": hashlib.sha256}


def tokens(algorithm, access, secret, count):
    done = subprocess.run([PRINT, algorithm, access, secret, str(count)], check=True, timeout=60,
                          capture_output=True, text=True)
    return done.stdout.split()


def decoded(part):
    return base64.b64decode(part + "=" * (-len(part) % 4), altchars="-_", validate=True)


class JwtVerify(unittest.TestCase):
    def test_tokens_verify_with_pythons_own_hmac(self):
        """Goal: any verifier takes our tokens. Method: random keys of all lengths, which also are
        all lengths of base64's last group; signature, header and claims are read back."""
        seed = random.randrange(1 << 32)
        print("seed", seed)
        chance = random.Random(seed)
        letters = [c for c in string.printable if "!" <= c <= "~" and c not in "\"\\"]
        for length in list(range(1, 50)) + [64, 65, 127, 128, 129, 200, 256]:
            for algorithm, digest in DIGESTS.items():
                access = "".join(chance.choices(letters, k=length))
                secret = "".join(chance.choices(letters, k=length))
                header, claims, mac = tokens(algorithm, access, secret, 1)[0].split(".")
                expected = hmac.new(secret.encode(), f"{header}.{claims}".encode(), digest).digest()
                self.assertEqual(decoded(mac), expected)
                self.assertEqual(json.loads(decoded(header)),
                                 {"alg": algorithm.upper(), "typ": "JWT"})
                claims = json.loads(decoded(claims))
                self.assertEqual(set(claims), {"access_key", "nonce"})
                self.assertEqual(claims["access_key"], access)
                nonce = uuid.UUID(claims["nonce"])
                self.assertEqual((nonce.version, nonce.variant, str(nonce)),
                                 (4, uuid.RFC_4122, claims["nonce"]))

    def test_no_token_repeats(self):
        """Goal: one token, one dial. Method: 2,000 tokens of the same keys."""
        made = tokens("hs512", "access", "secret", 2000)
        nonces = {json.loads(decoded(token.split(".")[1]))["nonce"] for token in made}
        self.assertEqual(len(nonces), 2000)

    @unittest.skipUnless(shutil.which("openssl"), "no openssl program")
    def test_mac_is_what_openssl_says(self):
        """Goal: a second opinion. Method: openssl dgst over the token's first two parts."""
        for algorithm, name in (("hs512", "-sha512"), ("hs256", "-sha256")):
            head, mac = tokens(algorithm, "access", "secret", 1)[0].rsplit(".", 1)
            said = subprocess.run(["openssl", "dgst", name, "-hmac", "secret", "-binary"],
                                  input=head.encode(), capture_output=True, check=True, timeout=60)
            self.assertEqual(decoded(mac), said.stdout)


if __name__ == "__main__":
    unittest.main()
