"""People of a benchmark: they take up invitations with keys of their own, look, and pay."""

import json
import re
from base64 import b64decode
from collections import Counter
from dataclasses import dataclass, field
from html import unescape
from random import Random
from time import perf_counter
from typing import Any, Final
from urllib.parse import urlencode

import trio

from node.command.bench.page_client import Answer, Client, NoAnswer
from node.command.browsing.authenticator import Authenticator
from node.page.frame import FORM
from node.page.visits import COOKIE
from proto.approval import APPROVAL_KIND, read_approval
from proto.envelope import sign
from proto.keys import KEY_BYTES, SigningKey
from proto.login import sign_join

FRONT: Final = "front"
REQUEST: Final = "request"
HISTORY: Final = "history"
FILES: Final = "files"
APPROVE: Final = "approve"
OFFER: Final = "offer"
PAGES: Final = (FRONT, REQUEST, HISTORY, FILES)
# What a browser fetches beside a page that it has never seen; later it has them.
STATIC: Final = ("/style.css", "/page.css", "/passkey.js", "/icon.svg")


OPTIONS: Final = re.compile(r'data-options="([^"]*)"')
AT: Final = re.compile(r'name="at" value="([^"]*)"')


class PageFault(Exception):
    """One line: what could not be set up."""


@dataclass(slots=True)
class Samples:
    """How long each answer took, in ms, by kind, while `open`; and what went wrong."""

    open: bool = False
    took_ms: dict[str, list[float]] = field(default_factory=dict)
    errors: Counter[str] = field(default_factory=Counter)

    def add(self, kind: str, began_s: float, answer: Answer) -> None:
        if answer.status >= 400:
            self.fault(f"{kind} {answer.status}")
        elif self.open:
            self.took_ms.setdefault(kind, []).append(1000 * (perf_counter() - began_s))

    def fault(self, what: str) -> None:
        if self.open:
            self.errors[what] += 1


@dataclass(slots=True)
class Payer:
    """One person. `token`: of the session of its program; `cookies`: of its browser's, which came
    in by a passkey; `waiting`: ids of requests that it looks at and never answers."""

    name: str
    key: SigningKey
    token: str = ""
    cookies: str = ""
    waiting: list[str] = field(default_factory=list)

    def browser(self, port: int, host: str) -> Client:
        """A connection of its own."""
        return Client(port, host, {"Cookie": self.cookies})

    def program(self, port: int, host: str) -> Client:
        """The same for its program."""
        return Client(port, host, {"Authorization": f"Bearer {self.token}"})


async def join(client: Client, origin: str, name: str, invitation: str, random: Random) -> Payer:
    """Takes up an invitation as `wallet join` does. PageFault, NoAnswer."""
    key = SigningKey(random.randbytes(KEY_BYTES))
    told = {
        "token": invitation,
        "key": key.public.hex(),
        "label": "bench",
        "signature": sign_join(key, origin, invitation).hex(),
    }
    answer = await client.post("/api/join", json.dumps(told).encode())
    return Payer(name, key, _told(answer, "joining")["token"])


async def come_in(client: Client, origin: str, invitation: str, name: str) -> str:
    """A browser makes a passkey on the page of an invitation: its cookies. PageFault, NoAnswer."""
    path = f"/join/{invitation}"
    shown = await client.get(path)
    found = OPTIONS.search(shown.body.decode()), AT.search(shown.body.decode())
    if shown.status != 200 or found[0] is None or found[1] is None:
        raise PageFault(f"joining: status {shown.status} instead of a form")
    device = Authenticator(origin, name)
    made = device.create(unescape(found[0][1]))
    client.headers["Cookie"] = "; ".join(shown.cookies)
    form = urlencode({"at": unescape(found[1][1]), "assertion": made}).encode()
    entered = await client.post(path, form, FORM)
    cookies = [cookie for cookie in entered.cookies if cookie.startswith(f"{COOKIE}=")]
    if not cookies:
        raise PageFault(f"joining: status {entered.status}, and nobody is logged in")
    return cookies[0]


async def take(client: Client, text: str) -> str:
    """A request that its person pastes: its id here. PageFault, NoAnswer."""
    answer = await client.post("/api/requests", json.dumps({"request": text}).encode())
    return str(_told(answer, "taking a request")["id"])


async def look(payer: Payer, client: Client, think_s: float, samples: Samples) -> None:
    """Until cancelled: the front page, a request, the history, as a new browser loads them."""
    turn = 0
    while True:
        request = f"/requests/{payer.waiting[turn % len(payer.waiting)]}"
        places = ((FRONT, ("/",)), (FILES, STATIC), (REQUEST, (request,)), (HISTORY, ("/history",)))
        for kind, paths in places:
            for path in paths:
                await _load(client, kind, path, samples)
            await trio.sleep(think_s)
        turn += 1


async def _load(client: Client, kind: str, path: str, samples: Samples) -> None:
    began_s = perf_counter()
    try:
        answer = await client.get(path)
    except NoAnswer:
        samples.fault(f"{kind} no answer")
        return
    if answer.status == 303:  # to the log-in: the session is over
        samples.fault(f"{kind} logged out")
        return
    samples.add(kind, began_s, answer)


async def pay(payer: Payer, client: Client, text: str, samples: Samples) -> str:
    """Takes a request, looks at what it costs, signs exactly that: its id; "" where it failed."""
    try:
        identity = await take(client, text)
        began_s = perf_counter()
        offered = await client.get(f"/api/requests/{identity}")
        samples.add(OFFER, began_s, offered)
        offer = _told(offered, "looking")
        if not offer["approval"]:
            samples.fault(f"{OFFER} {offer['code']}")
            return ""
        approval = read_approval(b64decode(offer["approval"]))
        by = sign(payer.key, APPROVAL_KIND, approval.encode())
        told = {"approval": offer["approval"], "signature": by.signature.hex()}
        began_s = perf_counter()
        answer = await client.post(f"/api/requests/{identity}/approve", json.dumps(told).encode())
    except (NoAnswer, PageFault) as fault:
        samples.fault(f"{APPROVE} {fault}")
        return ""
    samples.add(APPROVE, began_s, answer)
    return identity if answer.status < 400 else ""


async def phase(client: Client, identity: str) -> str:
    """How a request stands. PageFault, NoAnswer."""
    answer = await client.get(f"/api/requests/{identity}")
    return str(_told(answer, "looking")["phase"])


def _told(answer: Answer, what: str) -> dict[str, Any]:
    if answer.status >= 400:
        raise PageFault(f"{what}: {answer.status} {answer.body[:200].decode('utf-8', 'replace')}")
    found: dict[str, Any] = json.loads(answer.body)
    return found
