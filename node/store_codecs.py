"""How the fields of rows lie in columns: one codec for each Python type."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import BigInteger, LargeBinary, SmallInteger, Text

from node.core.escrow.rows import DealPhase, LetterKind, SeatPhase, Step
from node.core.people.rows import ConfirmationPhase, CredentialKind, EntryKind, PersonPhase
from node.core.rows import (
    Ask,
    Direction,
    IncidentKind,
    LinePhase,
    PaymentPhase,
    PromisePhase,
    RequestPhase,
    Role,
    Shown,
)
from node.core.sale.rows import SalePhase
from proto.brand_codec import brand_from_message, brand_to_message
from proto.escrow.reasons import EscrowReason
from proto.keys import NodeId
from proto.levels import Level
from proto.money import Brand
from proto.reason import Reason, Refusal
from proto.sale.reasons import SaleReason
from proto.sale.stakes import SaleRole
from proto.v1 import types_pb2 as pb


@dataclass(frozen=True, slots=True)
class Codec:
    """How one Python type lies in a column."""

    column: Any
    to_db: Callable[[Any], Any]
    from_db: Callable[[Any], Any]
    nullable: bool = False


def same(value: Any) -> Any:
    """For what the driver takes as it is."""
    return value


@lru_cache(maxsize=1024)
def _brand_to_bytes(brand: Brand) -> bytes:
    return brand_to_message(brand).SerializeToString()


def _refusal_to_text(refusal: Refusal | None) -> str | None:
    return None if refusal is None else f"{refusal.reason.name}:{refusal.figure}"


def _refusal_from_text(text: str | None) -> Refusal | None:
    if text is None:
        return None
    name, _, figure = text.partition(":")
    return Refusal(Reason[name], int(figure))


def pieces_to_bytes(pieces: Sequence[bytes]) -> bytes:
    """One after the other, each behind its length in 4 bytes, big endian."""
    parts: list[bytes] = []
    for piece in pieces:
        parts += (len(piece).to_bytes(4, "big"), piece)
    return b"".join(parts)


def pieces_from_bytes(data: bytes) -> tuple[bytes, ...]:
    """What `pieces_to_bytes` was given."""
    pieces, at = [], 0
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        pieces.append(data[at + 4 : at + 4 + size])
        at += 4 + size
    return tuple(pieces)


# Rows of one brand share it: a node has few brands, and may have a million rows.
@lru_cache(maxsize=1024)
def _brand_from_bytes(data: bytes) -> Brand:
    return brand_from_message(pb.Brand.FromString(data))


def _enum(kind: Any) -> Codec:
    return Codec(SmallInteger, int, kind)


CODECS: Final[dict[Any, Codec]] = {
    int: Codec(BigInteger, same, same),
    bytes: Codec(LargeBinary, same, same),
    NodeId: Codec(LargeBinary, same, NodeId),
    NodeId | bytes: Codec(LargeBinary, same, same),
    str: Codec(Text, same, same),
    bool: Codec(SmallInteger, int, bool),
    Brand: Codec(LargeBinary, _brand_to_bytes, _brand_from_bytes),
    Refusal | None: Codec(Text, _refusal_to_text, _refusal_from_text, nullable=True),
    tuple[bytes, ...]: Codec(LargeBinary, pieces_to_bytes, pieces_from_bytes),
    **{
        kind: _enum(kind)
        for kind in (
            Ask,
            ConfirmationPhase,
            CredentialKind,
            DealPhase,
            Direction,
            EntryKind,
            EscrowReason,
            IncidentKind,
            LetterKind,
            Level,
            LinePhase,
            PaymentPhase,
            PersonPhase,
            PromisePhase,
            RequestPhase,
            Role,
            SalePhase,
            SaleReason,
            SaleRole,
            SeatPhase,
            Shown,
            Step,
        )
    },
}
