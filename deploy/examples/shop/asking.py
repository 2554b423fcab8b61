"""What the shop's node is asked to sign: the arguments of `request.create` for one order.

`pledgeway request create` takes the same as options.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

from goods import THINGS, Kind, in_words, standing_approval, total
from orders import Order

ORDER_HELD_S: Final = 900  # how long a buyer may think


@dataclass(frozen=True, slots=True)
class Terms:
    """How this shop sells. `notify_url` empty: it cannot be called. `plain`: nodes under localhost
    are asked over http. `held_s`: how long the first edition is held for somebody."""

    name: str
    brand: str
    return_url: str
    notify_url: str = ""
    domain: str = ""
    plain: bool = False
    held_s: int = 600


def arguments(
    terms: Terms,
    requester: bytes,
    session: str,
    basket: Mapping[str, int],
    wanted: bytes,
    node: bytes,
    parent: Order | None,
) -> dict[str, Any]:
    """`requester`: the shop's public key; `session`: of the browser; `wanted`: the order's hash;
    `node`: the one that may pay; `parent`: the order whose standing approval pays it."""
    kind = THINGS[next(iter(basket))].kind
    asks = {"key": requester.hex(), "name": terms.name, "return_url": terms.return_url}
    if terms.notify_url:
        asks["notify_url"] = terms.notify_url
    asked: dict[str, Any] = {
        "amount": total(basket),
        "brand": terms.brand,
        "description": in_words(basket),
        "expires_s": terms.held_s if kind is Kind.HELD else ORDER_HELD_S,
        "order_hash": wanted.hex(),
        "audience": node.hex(),
        "session_nonce": sha256(b"browser\0" + session.encode()).hexdigest(),
        "requester": asks,
    }
    if terms.domain:
        asked["domain"] = terms.domain
    if parent is not None:
        asked["under"] = parent.request_hash.hex()
    elif kind is Kind.FILLED:
        asked["mandate"] = standing_approval(THINGS[next(iter(basket))])
    return asked
