"""A wallet's conversation with its node: JSON over https, with a login whenever one is needed."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import httpx

from node.command.browsing.local_names import LocalNames
from node.command.exit_status import REFUSED, UNKNOWN, UNUSABLE, plain
from node.command.session import NoAnswer
from node.command.wallet.keeping import Wallet, logged_in
from proto.login import sign_join, sign_login

NOT_LOGGED_IN: Final = "NOT_LOGGED_IN"
# The node does not say which it is: that would tell strangers who has an account there.
NO_LOGIN_STEP: Final = "it may be closed, or the key ended: ask the node's operator"
TIMEOUT_S: Final = 30.0  # a path is looked for while a price is asked
STREAM_S: Final = 60.0  # the node says something every 15 s
MAX_ANSWER_BYTES: Final = 2_000_000
US: Final = 1_000_000
UNUSABLE_CODES: Final = frozenset({"BAD_ARGUMENT", "BAD_BODY"})
LOCAL: Final = "localhost"


def read_origin(text: str) -> str:
    """https://HOST[:PORT] of any URL; plain http only below localhost. NoAnswer."""
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        host, port, parts = "", None, urlsplit("")
    local = host == LOCAL or host.endswith("." + LOCAL)
    if not host or not (parts.scheme == "https" or (parts.scheme == "http" and local)):
        what = f"{plain(text)[:80]}: not a page of a node"
        raise NoAnswer(UNUSABLE, "BAD_ARGUMENT", what, "it begins with https://")
    shown = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{shown}" + (f":{port}" if port else "")


def read_invitation(link: str) -> tuple[str, str]:
    """(origin, token) of ORIGIN/join/TOKEN. NoAnswer."""
    origin = read_origin(link)
    head, _, token = urlsplit(link).path.rpartition("/")
    if head != "/join" or not token:
        what = f"{plain(link)[:80]}: not an invitation"
        raise NoAnswer(UNUSABLE, "BAD_ARGUMENT", what, "one looks like https://HOST/join/TOKEN")
    return origin, token


class Caller:
    """Asks one node. `keep` is told of the wallet with each new token."""

    def __init__(self, wallet: Wallet, keep: Callable[[Wallet], None]) -> None:
        self._wallet = wallet
        self._keep = keep
        # What is named in the environment would see every token; redirects lead elsewhere.
        self._client = httpx.Client(
            transport=LocalNames(), base_url=wallet.origin, timeout=TIMEOUT_S, trust_env=False
        )

    def close(self) -> None:
        """Ends its connections."""
        self._client.close()

    def get(self, path: str, **query: Any) -> dict[str, Any]:
        """The JSON object at a path. NoAnswer."""
        given = {name: value for name, value in query.items() if value is not None}
        return self._with_login("GET", path, params=given)

    def post(self, path: str, given: dict[str, Any] | None = None) -> dict[str, Any]:
        """What the node answers to it. NoAnswer."""
        return self._with_login("POST", path, json=given or {})

    def log_in(self) -> dict[str, Any]:
        """A new token, which is kept. NoAnswer."""
        wallet, at_us = self._wallet, time.time_ns() // 1000
        signature = sign_login(wallet.key, wallet.origin, wallet.name, at_us)
        given = {
            "name": wallet.name,
            "key": wallet.key.public.hex(),
            "time": at_us,
            "signature": signature.hex(),
        }
        try:
            found = self._say("POST", "/api/login", json=given)
        except NoAnswer as no:
            if no.failure["code"] != NOT_LOGGED_IN:
                raise
            what = f"{wallet.origin} knows no account {wallet.name!r} with this wallet's key"
            raise NoAnswer(REFUSED, NOT_LOGGED_IN, what, NO_LOGIN_STEP) from no
        self._take(found)
        return found

    def join(self, token: str, label: str) -> dict[str, Any]:
        """Takes up an invitation. NoAnswer."""
        wallet = self._wallet
        found = self._say(
            "POST",
            "/api/join",
            json={
                "token": token,
                "key": wallet.key.public.hex(),
                "label": label,
                "signature": sign_join(wallet.key, wallet.origin, token).hex(),
            },
        )
        self._take(found)
        return found

    def _take(self, found: dict[str, Any]) -> None:
        self._wallet = logged_in(self._wallet, str(found.get("token", "")))
        self._keep(self._wallet)

    def _with_login(self, method: str, path: str, **more: Any) -> dict[str, Any]:
        if self._wallet.token:
            try:
                return self._say(method, path, **more)
            except NoAnswer as no:
                if no.failure["code"] != NOT_LOGGED_IN:
                    raise
        self.log_in()
        return self._say(method, path, **more)

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._wallet.token}"} if self._wallet.token else {}

    def _say(self, method: str, path: str, **more: Any) -> dict[str, Any]:
        with self._ends(method):
            answer = self._client.request(method, path, headers=self._headers(), **more)
        return self._told(answer)

    def listen(self) -> Iterator[str]:
        """Lines of the node's stream of events, until it ends. NoAnswer."""
        self.get("/api/me")  # logs in, where that is over
        timeout = httpx.Timeout(TIMEOUT_S, read=STREAM_S)
        ask = self._client.stream("GET", "/api/events", headers=self._headers(), timeout=timeout)
        with self._ends("GET"), ask as answer:
            if answer.status_code != 200:
                answer.read()
                self._told(answer)
            yield from answer.iter_lines()

    @contextmanager
    def _ends(self, method: str) -> Iterator[None]:
        where = self._wallet.origin
        try:
            yield
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            what, step = f"{where}: cannot be reached: {error}", "is its node running?"
            raise NoAnswer(UNUSABLE, "NO_NODE", what, step) from error
        except httpx.HTTPError as error:
            what = f"{where}: the answer was lost: {error or type(error).__name__}"
            status = UNUSABLE if method == "GET" else UNKNOWN
            raise NoAnswer(status, "LOST", what, "`pledgeway wallet pending` says") from error

    def _told(self, answer: httpx.Response) -> dict[str, Any]:
        try:
            found = answer.json() if len(answer.content) <= MAX_ANSWER_BYTES else None
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            what = f"{self._wallet.origin}: answers {answer.status_code}, and no JSON"
            raise NoAnswer(UNUSABLE, "LOST", what, "is it the page of a node?")
        if answer.status_code // 100 == 2:
            return found
        code = str(found.get("code", answer.status_code))
        message, step = str(found.get("message", code)), str(found.get("next_step", ""))
        figure = found.get("figure")
        status = UNUSABLE if code in UNUSABLE_CODES else REFUSED
        raise NoAnswer(status, code, message, step, figure if isinstance(figure, int) else 0)


def folder_of(given: Path | None, default: Path) -> Path:
    """The wallet's folder."""
    return default if given is None else given.expanduser()
