"""A small identity provider over loopback HTTP, which says what a test wants it to say.

Everybody is logged in there already. It checks the client's secret and the proof of the code (PKCE) as a real one does.
"""

import hashlib
import hmac
import json
import secrets
import time
from base64 import b64decode, urlsafe_b64encode
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

CLIENT, SECRET = "sheriffwatch", "a secret of the client"
KEY, OTHER_KEY = RSAKey.generate_key(2048, {"kid": "1", "use": "sig"}), RSAKey.generate_key(2048, {"kid": "1"})


class Provider:
    """What it says, and what it was asked."""

    def __init__(self):
        self.address = ""
        self.person = {"sub": "248289761001", "name": "Jane Doe"}
        self.claims = {}
        """Claims that stand in the place of the right ones."""
        self.key = KEY
        self.forges_with = ""
        """``none`` or ``HS256``: the ID token is not signed, or as one who has the public key only could."""
        self.returns = {}
        """Parameters that stand in the place of the right ones when the browser is sent back."""
        self.calls_itself = ""
        self.answers = None
        """A status for every request, instead of an answer."""
        self.refused = []
        self.asked = []
        self._codes = {}

    def authorize(self, asked):
        code = secrets.token_urlsafe(16)
        self._codes[code] = asked
        back = {"code": code, "state": asked["state"], "iss": self.address, **self.returns}
        return f"{asked['redirect_uri']}?{urlencode({k: v for k, v in back.items() if v is not None})}"

    def token(self, form, authorization):
        asked = self._codes.pop(form.get("code"), None)
        proof = urlsafe_b64encode(hashlib.sha256(form.get("code_verifier", "").encode()).digest()).rstrip(b"=").decode()
        wrong = {
            "code": asked is None,
            "secret": b64decode(authorization.removeprefix("Basic ")).decode() != f"{CLIENT}:{SECRET}",
            "proof": asked is not None and proof != asked["code_challenge"],
            "redirect": asked is not None and form.get("redirect_uri") != asked["redirect_uri"],
        }
        self.refused += [name for name, is_wrong in wrong.items() if is_wrong]
        if any(wrong.values()):
            return None
        now = int(time.time())
        right = {"iss": self.address, "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": asked["nonce"]}
        claims = {k: v for k, v in {**right, **self.person, **self.claims}.items() if v is not None}
        signed = jwt.encode({"alg": "RS256", "kid": "1"}, claims, self.key)
        if self.forges_with:
            signed = forged(claims, self.forges_with)
        return {"access_token": "of no use to us", "token_type": "Bearer", "id_token": signed}

    def described(self):
        return {
            "issuer": self.calls_itself or self.address,
            "authorization_endpoint": f"{self.address}/authorize",
            "token_endpoint": f"{self.address}/token",
            "jwks_uri": f"{self.address}/keys",
            "id_token_signing_alg_values_supported": ["RS256", "HS256", "none"],
        }


@contextmanager
def provider():
    """One that is served while the block runs."""
    made = Provider()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            parts = urlsplit(self.path)
            made.asked.append(parts.path)
            if made.answers:
                self.say(made.answers, {})
            elif parts.path == "/authorize":
                self.send_response(302)
                self.send_header("Location", made.authorize({k: v[0] for k, v in parse_qs(parts.query).items()}))
                self.send_header("Content-Length", "0")
                self.end_headers()
            elif parts.path == "/keys":
                self.say(200, {"keys": [KEY.as_dict(private=False)]})
            else:
                self.say(200, made.described())

        def do_POST(self):
            form = parse_qs(self.rfile.read(int(self.headers["content-length"])).decode())
            token = made.token({k: v[0] for k, v in form.items()}, self.headers.get("authorization", ""))
            self.say(200 if token else 400, token or {"error": "invalid_grant"})

        def say(self, status, answer):
            body = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    made.address = f"http://127.0.0.1:{server.server_port}"
    try:
        yield made
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def forged(claims, algorithm):
    """A token as a forger makes it who knows the public key only: not signed, or with that key as a shared secret."""
    parts = [{"alg": algorithm, "kid": "1"}, claims]
    said = b".".join(urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in parts)
    mark = hmac.new(KEY.as_pem(private=False), said, "sha256").digest() if algorithm == "HS256" else b""
    return b".".join([said, urlsafe_b64encode(mark).rstrip(b"=")]).decode()
