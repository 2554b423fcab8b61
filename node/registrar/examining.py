"""Replaying the audit trail: what every account should have, against what the books say it has.

An account's holdings are its balance, what its holds contain and what its prepared legs may bring
back. K3: per brand, holdings add up to what was issued.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Select, select

from node.registrar.rows import Act, Brand, account_id
from node.registrar.tables import TABLES, account, audit, brand, hold, leg
from proto.escrow.ops import LegPhase

AT_A_TIME: Final = 10_000  # rows fetched at a time


@dataclass(frozen=True, slots=True)
class Difference:
    """An account, or a brand (`account` empty), that has not what the trail says."""

    account: bytes
    brand: bytes
    trail: int
    books: int


@dataclass(frozen=True, slots=True)
class Examined:
    """What a replay has found; `differences` are in the order of their accounts."""

    entries: int
    accounts: int
    differences: tuple[Difference, ...]


def examine(connection: Connection) -> Examined:
    """Reads everything once, in one transaction of the caller's."""
    treasuries, issued = {}, {}
    for row in _stream(connection, select(brand)):
        kept: Brand = TABLES[Brand].from_columns(row)
        treasuries[kept.guid] = account_id(kept.guid, kept.right.registrar)
        issued[kept.guid] = kept.right.supply
    trail: dict[bytes, int] = {}
    minted: dict[bytes, int] = {}
    entries = 0
    for row in _stream(connection, select(audit).order_by(audit.c.seq)):
        entries += 1
        amount, fee = row["amount"], row["fee"]
        if row["act"] == Act.ISSUE:
            minted[row["brand"]] = minted.get(row["brand"], 0) + amount
        else:
            trail[row["payer"]] = trail.get(row["payer"], 0) - amount
        trail[row["payee"]] = trail.get(row["payee"], 0) + amount - fee
        if fee:
            treasury = treasuries.get(row["brand"], b"")
            trail[treasury] = trail.get(treasury, 0) + fee
    books: dict[bytes, int] = {}
    of: dict[bytes, bytes] = {}
    totals: dict[bytes, int] = {}
    for row in _stream(connection, select(account)):
        books[row["id"]] = row["balance"]
        of[row["id"]] = row["brand"]
    for row in _stream(connection, select(hold.c.account, hold.c.amount)):
        books[row["account"]] = books.get(row["account"], 0) + row["amount"]
    prepared = select(leg.c.source, leg.c.amount).where(leg.c.phase == int(LegPhase.PREPARED))
    for row in _stream(connection, prepared):
        books[row["source"]] = books.get(row["source"], 0) + row["amount"]
    for key, amount in books.items():
        totals[of.get(key, b"")] = totals.get(of.get(key, b""), 0) + amount
    found = [
        Difference(key, of.get(key, b""), trail.get(key, 0), books.get(key, 0))
        for key in sorted(trail.keys() | books.keys())
        if trail.get(key, 0) != books.get(key, 0)
    ]
    found += [
        Difference(b"", guid, said, totals.get(guid, 0))
        for guid in sorted(issued)
        for said in (issued[guid], minted.get(guid, 0))
        if said != totals.get(guid, 0)
    ]
    return Examined(entries, len(of), tuple(found))


def _stream(connection: Connection, query: Select[Any]) -> Iterator[Any]:
    streamed = connection.execution_options(yield_per=AT_A_TIME)
    yield from streamed.execute(query).mappings()
