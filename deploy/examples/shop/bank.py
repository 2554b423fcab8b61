"""The buyer's own node, asked over the web: where requests are brought, and how they stand.

The buyer says where it is, so it is a stranger's URL: it is called as such (runtime/web_client.py),
and whatever it leads to has to lie at the same origin. Nothing that it says makes a thing paid.
"""

import json
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from proto.domain import WELL_KNOWN
from proto.interaction import APPROVAL_ID_BYTES, NONCE_BYTES
from proto.receipt import MAX_RECEIPT_BYTES
from proto.request_parts import MAX_URL_CHARS
from proto.webhook import WebhookFault, read_public
from runtime.web_client import Answer, Failed, WebClient

NODE_BYTES: Final = 32
MAX_KEYS: Final = 4
LONG_POLL_S: Final = 25  # below the node's 30 and a proxy's 60
PHASES: Final = frozenset(
    ("RECEIVED", "PRESENTED", "APPROVED", "EXECUTING", "ABORTED", "COMMITTED", "DENIED", "EXPIRED")
)
STEP: Final = "Look at its address once more."


class BankFault(Exception):
    """One line for the buyer: what is wrong with the node that was named."""


@dataclass(frozen=True, slots=True)
class Bank:
    """`node`: its id; `requests`: where they are brought; `keys`: that sign its calls."""

    origin: str
    node: bytes
    alias: str
    requests: str
    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Brought:
    """A request that waits there. `notify`: it calls us when something happens."""

    approval_id: bytes
    approval_url: str
    poll: str
    node_nonce: bytes
    expires_at_us: int
    notify: bool


@dataclass(frozen=True, slots=True)
class Standing:
    """How it stands, by its word. `final`: nothing more will happen there."""

    phase: str
    final: bool


def read_account(text: str, *, plain: bool) -> tuple[str, str]:
    """(origin, name there or "") of what a buyer types: NAME@bank.example, or the page's address.

    `plain`: http is taken for names below localhost, as the page's owner tries things out. Raises
    BankFault.
    """
    text = text.strip()
    name, at, host = text.rpartition("@")
    if "://" not in text:
        local = host.partition(":")[0].endswith(".localhost")
        text = f"{'http' if plain and local else 'https'}://{host}"
    elif at:
        raise BankFault("Write NAME@bank.example, or the address of your node's page.")
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError as error:
        raise BankFault("That is no address of a page.") from error
    if not parts.hostname or parts.scheme not in ("https", "http") or parts.username:
        raise BankFault("That is no address of a page.")
    return f"{parts.scheme}://{parts.netloc}", name


class Banks:
    """Calls to them. Raises BankFault for whatever they do."""

    def __init__(self, client: WebClient) -> None:
        self._client = client

    async def find(self, origin: str) -> Bank:
        """What it says of itself."""
        found = _object(_body(await self._client.get(origin + WELL_KNOWN)))
        keys = found.get("webhook_keys")
        texts = tuple(filter(_is_key, keys))[:MAX_KEYS] if isinstance(keys, list) else ()
        node, requests = _hex(found, "node", NODE_BYTES), _place(found, "requests", origin)
        return Bank(origin, node, str(found.get("alias", ""))[:64], requests, texts)

    async def bring(self, bank: Bank, submission: bytes) -> Brought:
        """The signed Submission; the same again is answered the same."""
        kind = {"content-type": "application/octet-stream"}
        answer = await self._client.post(bank.requests, submission, kind, most=65_536)
        found = _object(_body(answer))
        return Brought(
            _hex(found, "approval_id", APPROVAL_ID_BYTES),
            _place(found, "approval_url", bank.origin),
            _place(found, "poll", bank.origin),
            _hex(found, "nonce", NONCE_BYTES),
            max(0, expires) if isinstance(expires := found.get("expires"), int) else 0,
            found.get("notify") is True,
        )

    async def standing(self, poll: str, wait_s: int = 0) -> Standing:
        """With `wait_s` once it is different, or the time is over."""
        asked = f"{poll}?wait={wait_s}" if wait_s else poll
        found = _object(_body(await self._client.get(asked, within_s=wait_s + 10.0)))
        phase = found.get("phase")
        if not isinstance(phase, str) or phase not in PHASES:
            raise BankFault("Your node says something that nodes do not say.")
        return Standing(phase, found.get("final") is True)

    async def receipt(self, poll: str) -> bytes:
        """The file. Whether it proves anything is another question."""
        return _body(await self._client.get(f"{poll}/receipt", most=MAX_RECEIPT_BYTES))


def _body(answer: Answer | Failed) -> bytes:
    if isinstance(answer, Answer):
        return answer.body
    status = f", status {answer.status}" if answer.status else ""
    why = answer.why.name.lower().replace("_", " ")
    raise BankFault(f"Your node does not answer as one ({why}{status}). {STEP}")


def _object(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise BankFault(f"There is no node of this kind at that address. {STEP}") from error
    if not isinstance(found, dict):
        raise BankFault(f"There is no node of this kind at that address. {STEP}")
    return found


def _is_key(text: object) -> bool:
    try:
        read_public(str(text))
    except WebhookFault:
        return False
    return True


def _hex(found: dict[str, Any], name: str, size: int) -> bytes:
    try:
        data = bytes.fromhex(str(found.get(name)))
    except ValueError:
        data = b""
    if len(data) != size:
        raise BankFault(f"That node says no usable {name!r}. {STEP}")
    return data


def _place(found: dict[str, Any], name: str, origin: str) -> str:
    """A URL at the same origin: nobody is led, and nothing is fetched, anywhere else."""
    url = str(found.get(name))
    plain = url.isascii() and url.isprintable() and len(url) <= MAX_URL_CHARS
    if not url.startswith(origin + "/") or not plain:
        raise BankFault(f"That node leads elsewhere with its {name!r}. {STEP}")
    return url
