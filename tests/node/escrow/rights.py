"""Rights and people for tests of templates: plain values, no signatures."""

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from proto.escrow.rights import Right, canonical_json, unique_brand_id
from proto.fees import Fee
from proto.keys import NodeId
from proto.money import Brand, Rate

Filling = Mapping[str, str | int]


def node(name: str) -> NodeId:
    """A node id for a name."""
    return NodeId(sha256(name.encode()).digest())


def right(
    kind: str,
    attributes: Mapping[str, Any],
    keeper: str = "registrar",
    *,
    supply: int = 1,
    lot: int = 1,
    fee: str = "1",
    flat: int = 0,
    lock_us: int = 0,
) -> Right:
    """What registrar `keeper` would say of it."""
    text = canonical_json(dict(attributes))
    guid = unique_brand_id(node(keeper), kind, text)
    return Right(
        Brand(guid, kind[:32], lot, node(keeper)),
        node(keeper),
        kind,
        text,
        supply,
        Fee(Rate.parse(fee), flat),
        longest_lock_us=lock_us,
    )


def by_guid(*rights: Right) -> dict[bytes, Right]:
    return {r.brand.guid: r for r in rights}


def instance(name: str, seats: Mapping[str, str] | None = None, **values: str | int) -> bytes:
    """Canonical bytes; `seats` maps seats to people's names."""
    people = {seat: node(who).hex() for seat, who in (seats or {}).items()}
    return canonical_json({"transaction": name, **people, **values}).encode()
