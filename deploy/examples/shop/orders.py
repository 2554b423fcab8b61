"""Orders and what was handed over, in one SQLite file.

An order is what somebody wants, a delivery is what somebody got. The table of deliveries has the
request's hash for its key: whatever is shown, called or clicked twice, a request delivers once.
"""

import json
import sqlite3
from dataclasses import asdict, astuple, dataclass, fields
from pathlib import Path
from typing import Final

LATEST: Final = "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"  # what is said, is on the disk
TABLES: Final = """
CREATE TABLE IF NOT EXISTS orders (
  number TEXT PRIMARY KEY, session TEXT NOT NULL, basket TEXT NOT NULL, amount INTEGER NOT NULL,
  brand BLOB NOT NULL, order_hash BLOB NOT NULL, request_id TEXT NOT NULL UNIQUE,
  request_hash BLOB NOT NULL UNIQUE, state TEXT NOT NULL UNIQUE, nonce BLOB NOT NULL,
  endpoint TEXT NOT NULL, approval_id BLOB NOT NULL, node_nonce BLOB NOT NULL,
  approval_url TEXT NOT NULL, poll TEXT NOT NULL, keys TEXT NOT NULL, called INTEGER NOT NULL,
  expires_at_us INTEGER NOT NULL, created_at_us INTEGER NOT NULL, parent TEXT NOT NULL,
  said TEXT NOT NULL, note TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS of_session ON orders (session);
CREATE TABLE IF NOT EXISTS deliveries (
  request_hash BLOB PRIMARY KEY, number TEXT NOT NULL UNIQUE, at_us INTEGER NOT NULL,
  rests_on TEXT NOT NULL, goods TEXT NOT NULL, receipt BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS calls (id TEXT PRIMARY KEY, at_us INTEGER NOT NULL);
"""


@dataclass(frozen=True, slots=True)
class Order:
    """`number`: 32 hex digits. `session`: hash of the browser's; `keys`: that sign calls of the
    payer's node; `called`: whether it calls at all; `parent`: the order whose standing approval
    pays this one, or ""; `said`: how it stands by the word of the payer's node, or WITHDRAWN by our
    own; `note`: why a receipt was not taken. The rest is of the request, and of the payer's node
    (bank.py): empty until that has answered."""

    number: str
    session: str
    basket: str
    amount: int
    brand: bytes
    order_hash: bytes
    request_id: str
    request_hash: bytes
    state: str
    nonce: bytes
    endpoint: str
    keys: str
    expires_at_us: int
    created_at_us: int
    parent: str = ""
    approval_id: bytes = b""
    node_nonce: bytes = b""
    approval_url: str = ""
    poll: str = ""
    called: int = 0
    said: str = "RECEIVED"
    note: str = ""

    @property
    def things(self) -> dict[str, int]:
        """How many of each."""
        found: dict[str, int] = json.loads(self.basket)
        return found


@dataclass(frozen=True, slots=True)
class Delivery:
    """What was handed over, and the receipt for which it was."""

    request_hash: bytes
    number: str
    at_us: int
    rests_on: str
    goods: str
    receipt: bytes


class Orders:
    """Owned by one thread. Every change is on the disk when a method returns."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.executescript(LATEST + TABLES)

    def close(self) -> None:
        self._db.close()

    def add(self, order: Order) -> None:
        """A new one."""
        names = [field.name for field in fields(order)]
        marks = ", ".join("?" * len(names))
        self._db.execute(
            f"INSERT INTO orders ({', '.join(names)}) VALUES ({marks})", astuple(order)
        )

    def brought(self, order: Order) -> None:
        """What the payer's node has answered."""
        self._db.execute(
            "UPDATE orders SET approval_id = ?, node_nonce = ?, approval_url = ?, poll = ?,"
            " called = ?, expires_at_us = ? WHERE number = ?",
            (order.approval_id, order.node_nonce, order.approval_url, order.poll, order.called,
             order.expires_at_us, order.number),
        )  # fmt: skip

    def find(self, column: str, value: str) -> Order | None:
        """By `number`, `state` or `request_id`."""
        assert column in ("number", "state", "request_id")
        found = self._select(f"{column} = ?", value)
        return found[0] if found else None

    def of_session(self, session: str) -> list[Order]:
        """Newest first."""
        return self._select("session = ? ORDER BY created_at_us DESC", session)

    def open(self) -> list[Order]:
        """Those that were not delivered, and whose payer's node has not said that they are over."""
        return self._select(
            "said NOT IN ('DENIED', 'EXPIRED', 'WITHDRAWN')"
            " AND request_hash NOT IN (SELECT request_hash FROM deliveries)"
        )

    def _select(self, where: str, *values: str) -> list[Order]:
        names = ", ".join(field.name for field in fields(Order))
        rows = self._db.execute(f"SELECT {names} FROM orders WHERE {where}", values)
        return [Order(*row) for row in rows]

    def note(self, number: str, said: str, note: str = "") -> None:
        """What the payer's node has said, and what is wrong with it. Never delivers anything."""
        row = (said, note, number)
        self._db.execute("UPDATE orders SET said = ?, note = ? WHERE number = ?", row)

    def deliver(self, delivery: Delivery) -> bool:
        """Whether it is handed over now: False where it was before."""
        row = asdict(delivery)
        done = self._db.execute(
            "INSERT INTO deliveries VALUES (:request_hash, :number, :at_us, :rests_on, :goods,"
            " :receipt) ON CONFLICT DO NOTHING",
            row,
        )
        return done.rowcount == 1

    def delivery(self, order: Order) -> Delivery | None:
        """What was handed over for it."""
        row = self._db.execute(
            "SELECT * FROM deliveries WHERE request_hash = ?", (order.request_hash,)
        ).fetchone()
        return None if row is None else Delivery(*row)

    def heard(self, call: str, now_us: int, kept_us: int) -> bool:
        """Whether a call of this id is new. Ids are forgotten after `kept_us`."""
        self._db.execute("DELETE FROM calls WHERE at_us < ?", (now_us - kept_us,))
        row = (call, now_us)
        return self._db.execute("INSERT OR IGNORE INTO calls VALUES (?, ?)", row).rowcount == 1
