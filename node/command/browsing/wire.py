"""One session of a browser's driver: its words as HTTP, its complaints as one line."""

import json
from dataclasses import dataclass
from typing import Any, Final

import httpx

# How the driver says that there is no browser any more.
GONE: Final = ("invalid session id", "no such window", "disconnected", "session deleted")


class BrowserFault(Exception):
    """One line: what the browser could not do, or what was not on its page."""


class BrowserGone(BrowserFault):
    """One line: it is not there any more, so that there is nothing to wait for."""


@dataclass(frozen=True, slots=True)
class Wire:
    """One session (a browser with its profile), which is asked over `http`."""

    http: httpx.Client
    session: str

    def get(self, path: str) -> Any:
        """The value of what lies under the session at `path`. BrowserFault."""
        return self._ask("GET", path, None)

    def post(self, path: str, **words: object) -> Any:
        """The answer to a command. BrowserFault."""
        return self._ask("POST", path, words)

    def delete(self, path: str) -> Any:
        """BrowserFault."""
        return self._ask("DELETE", path, None)

    def tell(self, command: str, **words: object) -> Any:
        """The answer to a word of the DevTools protocol. BrowserFault."""
        return self.post("/goog/cdp/execute", cmd=command, params=words)

    def _ask(self, method: str, path: str, words: dict[str, object] | None) -> Any:
        return ask(self.http, method, f"/session/{self.session}{path}", words)


def ask(http: httpx.Client, method: str, path: str, words: dict[str, object] | None) -> Any:
    """What the driver answers to one request. BrowserFault where it refuses, BrowserGone."""
    try:
        answer = http.request(method, path, json=words)
        value = answer.json()["value"]
    except (httpx.HTTPError, json.JSONDecodeError, KeyError, TypeError) as fault:
        raise BrowserGone(f"the browser's driver does not answer: {fault!r}") from fault
    if answer.status_code != httpx.codes.OK:
        said = value if isinstance(value, dict) else {}
        told = str(said.get("message") or value).splitlines()[0]
        kind = str(said.get("error", "fault"))
        gone = kind in GONE or any(said in told for said in GONE)
        line = told if told.startswith(kind) else f"{kind}: {told}"
        raise BrowserGone(line) if gone else BrowserFault(line)
    return value
