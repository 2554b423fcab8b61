"""What somebody tries who wants goods without paying: every call and address that could say "paid".

The last try is the hardest: the payer's own node lies, with its true key.
"""

import json
import secrets
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from http import HTTPStatus
from typing import Final

import httpx

from node.command.browsing.local_names import LocalNames
from node.command.demo.shop_cast import BANK
from node.command.demo.shop_town import Street
from node.people.notifying import signing_keys
from proto.keys import SigningKey
from proto.webhook import sign_webhook
from runtime.identity import load_identity

TIMEOUT_S: Final = 20.0


def try_everything(street: Street, visited: Sequence[str]) -> Iterator[tuple[str, str]]:
    """(what was tried, "" or what is wrong with the shop's answer). `visited`: the buyer's history,
    which somebody has read. That nothing was handed over is for the caller to see."""
    request = _unpaid(street)
    said = {
        "type": "payment.committed",
        "request_id": request,
        "receipt_url": f"{street.bank}/back/requests/{secrets.token_hex(16)}/receipt",
    }
    body = json.dumps(said).encode()
    true = signing_keys(load_identity(street.house(BANK).daemon.directory).key.seed, 0)
    now_s = int(time.time())
    with httpx.Client(
        base_url=street.shop, timeout=TIMEOUT_S, trust_env=False, transport=LocalNames()
    ) as shop:

        def call(headers: dict[str, str]) -> int:
            return shop.post("/called", content=body, headers=headers).status_code

        refused = HTTPStatus.UNAUTHORIZED
        yield _judged("A call without a signature", call({}), refused)
        forged = sign_webhook([SigningKey(secrets.token_bytes(32))], "forged", now_s, body)
        yield _judged("A call signed by somebody else", call(forged), refused)
        late = sign_webhook(true, "late", now_s - 3600, body)
        yield _judged("A true call of an hour ago", call(late), refused)
        back = [url for url in visited if "/thanks?" in url]
        status = shop.get(back[-1].removeprefix(street.shop)).status_code if back else 0
        yield _judged("The way back, in another browser", status, HTTPStatus.FORBIDDEN)
        guessed = f"/thanks?state={secrets.token_hex(16)}&hash={secrets.token_urlsafe(32)}"
        yield _judged("A way back that was guessed", shop.get(guessed).status_code, 403)
        lie = sign_webhook(true, "lie", now_s, body)
        yield _judged("A lie of the payer's node, truly signed", call(lie), HTTPStatus.NO_CONTENT)
        yield _judged("The same once more", call(lie), HTTPStatus.NO_CONTENT)


def _judged(what: str, status: int, expected: int) -> tuple[str, str]:
    heard = "heard, and nothing handed over" if expected < HTTPStatus.BAD_REQUEST else "refused"
    fault = "" if status == expected else f"{what}: status {status}, not {expected}"
    return f"{what}: {heard}", fault


def _unpaid(street: Street) -> str:
    """The request of an order that was not paid."""
    with closing(sqlite3.connect(street.orders)) as db:
        found = db.execute(
            "SELECT request_id FROM orders WHERE number NOT IN (SELECT number FROM deliveries)"
        ).fetchone()
    return str(found[0])
