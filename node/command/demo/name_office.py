"""A tiny registrar of names: what is sold in the demo. Plain HTTP on loopback, its own process.

Whoever has a name's password holds it: he may change the password, and post a line on the name's
public page. It knows nothing of sales, keeps no file, and of a password only what scrypt makes of
it. `python -m node.command.demo.name_office PARENT`: reads {name: password} from standard input as
one line of JSON, says "ready PORT", and serves until its parent ends.

  POST /NAME/login     {"password"}             200 or 403
  POST /NAME/password  {"password", "new"}      200 or 403
  POST /NAME/line      {"password", "line"}     200 or 403
  GET  /NAME           the public page
"""

import hashlib
import hmac
import html
import json
import os
import sys
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock
from typing import Any, Final

from node.command.processes.child import tie_to

HOST: Final = "127.0.0.1"
MAX_BODY_BYTES: Final = 4096
MAX_LINES: Final = 100  # on one page
SALT_BYTES: Final = 16
SCRYPT: Final = {"n": 2**10, "r": 8, "p": 1}  # cheap: a demo's passwords are drawn, not thought up
PAGE: Final = "<!doctype html>\n<title>{name}</title>\n<h1>{name}</h1>\n<ul>\n{lines}</ul>\n"


class Names:
    """Who holds which name, by password. Safe from several threads."""

    def __init__(self, first: dict[str, str]) -> None:
        self._lock = Lock()
        self._kept = {name: _kept(password) for name, password in first.items()}
        self._lines: dict[str, list[str]] = {name: [] for name in first}

    def login(self, name: str, password: str) -> bool:
        """Whether this opens the name."""
        with self._lock:
            return self._holds(name, password)

    def change(self, name: str, password: str, new: str) -> bool:
        """From now on `new` opens it, and nothing else."""
        with self._lock:
            if not new or not self._holds(name, password):
                return False
            self._kept[name] = _kept(new)
            return True

    def post(self, name: str, password: str, line: str) -> bool:
        """Puts a line on its page."""
        with self._lock:
            if len(self._lines.get(name, ())) >= MAX_LINES or not self._holds(name, password):
                return False
            self._lines[name].append(line)
            return True

    def page(self, name: str) -> str | None:
        """What everybody sees; None for no name of ours."""
        with self._lock:
            if name not in self._lines:
                return None
            lines = "".join(f"<li>{html.escape(line)}</li>\n" for line in self._lines[name])
        return PAGE.format(name=html.escape(name), lines=lines)

    def _holds(self, name: str, password: str) -> bool:
        salt, known = self._kept.get(name, (b"", b""))
        return bool(known) and hmac.compare_digest(_hashed(password, salt), known)


def _kept(password: str) -> tuple[bytes, bytes]:
    salt = os.urandom(SALT_BYTES)
    return salt, _hashed(password, salt)


def _hashed(password: str, salt: bytes) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, **SCRYPT)


class _Desk(BaseHTTPRequestHandler):
    """One visitor."""

    names: Names

    def do_GET(self) -> None:
        page = self.names.page(self.path.removeprefix("/"))
        if page is None:
            self._answer(HTTPStatus.NOT_FOUND, b"no such name\n")
        else:
            self._answer(HTTPStatus.OK, page.encode())

    def do_POST(self) -> None:
        _, name, what = f"{self.path}//".split("/", 3)[:3]
        said = self._body()
        if said is None or what not in ("login", "password", "line"):
            self._answer(HTTPStatus.BAD_REQUEST, b"not understood\n")
            return
        password = said.get("password", "")
        if what == "login":
            done = self.names.login(name, password)
        elif what == "password":
            done = self.names.change(name, password, said.get("new", ""))
        else:
            done = self.names.post(name, password, said.get("line", ""))
        self._answer(HTTPStatus.OK if done else HTTPStatus.FORBIDDEN, b"")

    def _body(self) -> dict[str, str] | None:
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > MAX_BODY_BYTES:
            return None
        try:
            found = json.loads(self.rfile.read(int(length)))
        except ValueError:
            return None
        fits = isinstance(found, dict) and all(isinstance(v, str) for v in found.values())
        return found if fits else None

    def _answer(self, status: HTTPStatus, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """It keeps no log."""


def main() -> None:
    """Serves until the parent ends, or kills it."""
    tie_to(int(sys.argv[1]))
    _Desk.names = Names(json.loads(sys.stdin.readline()))
    with ThreadingHTTPServer((HOST, 0), _Desk) as server:
        print(f"ready {server.server_address[1]}", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
