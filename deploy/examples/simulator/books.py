"""The titles of a small registrar: one SQLite file, one transaction for each batch.

What it promises it keeps through any crash: nothing is answered before it is on the disk, and the
same question gets the same answer again. Amounts are whole pieces, times are µs UTC. It leaves out
what a participant can do without: fees, terms of different owners, transfers without a decision,
weaker capabilities.
"""

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from threading import RLock
from typing import Any, NoReturn

from proto.escrow import ops
from proto.escrow.batch import Asked, BatchReply, OpenAccount, read_asked, sign_reply
from proto.escrow.ops import CapabilityKind, OpResult, capability_hash
from proto.escrow.ops import RegistrarError as E
from proto.escrow.rights import Right, read_right
from proto.keys import SigningKey
from proto.limits import MAX_AMOUNT, US
from proto.registry_record import RegistryRecord
from proto.wire import WireFault

KEPT_US = 30 * 86_400 * US  # answers are given again for so long; older questions are stale
AHEAD_US = 300 * US  # by so much a sender's clock may be wrong
MAX_ACCOUNTS = 100_000  # anybody may open one, and each stays: the disk is ours
MAX_OPEN_HOLDS = 256  # of one account, for the same reason
MAX_CAPABILITIES = 16  # of one account

SCHEMA = """
CREATE TABLE IF NOT EXISTS thing (brand BLOB PRIMARY KEY, signed BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS account (id BLOB PRIMARY KEY, brand BLOB NOT NULL, owner BLOB NOT NULL,
  balance INTEGER NOT NULL CHECK (balance >= 0));
CREATE TABLE IF NOT EXISTS capability (hash BLOB PRIMARY KEY, kind INTEGER NOT NULL,
  account BLOB NOT NULL, holder BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS hold (hash BLOB PRIMARY KEY, account BLOB NOT NULL,
  amount INTEGER NOT NULL CHECK (amount >= 0), room INTEGER NOT NULL CHECK (room >= 0),
  only_for BLOB NOT NULL, locks INTEGER NOT NULL DEFAULT 0 CHECK (locks >= 0),
  gone INTEGER NOT NULL DEFAULT 0, result INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS leg (commit_id BLOB, no INTEGER, phase INTEGER NOT NULL,
  source BLOB, source_hold BLOB, destination BLOB, destination_hold BLOB, amount INTEGER,
  final_us INTEGER NOT NULL, descriptor BLOB, promise BLOB, certificate BLOB,
  PRIMARY KEY (commit_id, no));
CREATE TABLE IF NOT EXISTS answer (sender BLOB, id BLOB, digest BLOB NOT NULL, reply BLOB NOT NULL,
  sent_at_us INTEGER NOT NULL, PRIMARY KEY (sender, id));
CREATE INDEX IF NOT EXISTS open_holds ON hold (account) WHERE gone = 0;
CREATE INDEX IF NOT EXISTS locked ON leg (final_us) WHERE phase = 1;
"""


class Refused(Exception):
    """This op cannot be done, so nothing of its batch is."""

    def __init__(self, error: E, figure: int = 0) -> None:
        super().__init__(error.name)
        self.error, self.figure = error, figure


def refuse(error: E, figure: int = 0) -> NoReturn:
    raise Refused(error, max(0, figure))


def account_id(brand: bytes, owner: bytes, label: bytes = b"") -> bytes:
    """16 bytes; a node has one account of a thing under each label: one for each of its people."""
    return sha256(b"simulator account" + brand + owner + label).digest()[:16]


class Books:
    """All but what lies under a decision (legs.py). May be used from any thread; several processes
    may have the same file open."""

    def __init__(
        self,
        path: Path | str,
        key: SigningKey,
        records: Mapping[bytes, RegistryRecord],
        now_us: Callable[[], int],
    ) -> None:
        """`records`: of the registries whose certificates count here, by id."""
        self._key, self._records, self._now_us = key, records, now_us
        self._lock = RLock()
        self._db = sqlite3.connect(path, 30.0, isolation_level=None, check_same_thread=False)
        self._db.row_factory = sqlite3.Row
        # FULL: a promise that a power cut forgets is a promise that is broken.
        for line in ("journal_mode = WAL", "synchronous = FULL"):
            self._db.execute(f"PRAGMA {line}")
        self._db.executescript(SCHEMA)

    def close(self) -> None:
        self._db.close()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def _one(self, query: str, *values: Any) -> Any:
        return self._db.execute(query, values).fetchone()

    # ------------------------------------------------------------------ the owner's side

    def add(self, right: Right, signed: bytes, owner: bytes) -> None:
        """A new thing, all pieces of it in the account of `owner`. ValueError where it is known."""
        guid, account = right.brand.guid, account_id(right.brand.guid, owner)
        with self._transaction():
            if self._one("SELECT 1 FROM thing WHERE brand = ?", guid):
                raise ValueError("a thing of this type with these attributes is sold here already")
            self._db.execute("INSERT INTO thing VALUES (?, ?)", (guid, signed))
            row = (account, guid, owner, right.supply)
            self._db.execute("INSERT INTO account VALUES (?, ?, ?, ?)", row)

    def things(self, after: bytes = b"") -> list[Right]:
        """By brand, from `after` on."""
        with self._lock:
            query = "SELECT signed FROM thing WHERE brand > ? ORDER BY brand"
            return [read_right(row["signed"]) for row in self._db.execute(query, (after,))]

    def described(self, brand: bytes) -> bytes:
        """The signed description of a thing that is there."""
        with self._lock:
            return bytes(self._one("SELECT signed FROM thing WHERE brand = ?", brand)["signed"])

    def owned(self) -> list[tuple[bytes, bytes, int]]:
        """(brand, owner, pieces in the account) of everybody who has some."""
        with self._lock:
            query = "SELECT brand, owner, balance FROM account WHERE balance > 0 ORDER BY id"
            return [tuple(row) for row in self._db.execute(query)]

    # ------------------------------------------------------------------ the strangers' side

    def answer(self, signed: bytes) -> bytes:
        """The signed answer to a batch, or to a request for an account, durable when this returns.

        WireFault: it is no such thing, not for us, or not signed by who says that he sent it.
        """
        envelope, asked = read_asked(signed)
        proof = envelope.proof
        if asked.receiver != self._key.node_id:
            raise WireFault("for another registrar")
        if envelope.signer != asked.sender or not proof.proves(envelope.kind, envelope.payload):
            raise WireFault("a signature that does not hold")
        # The key of the inbox is the sender AND his id: nobody can burn the ids of others.
        digest = sha256(envelope.kind.encode() + b"\0" + envelope.payload).digest()
        with self._transaction():
            known = self._one(
                "SELECT digest, reply FROM answer WHERE sender = ? AND id = ?",
                asked.sender,
                asked.id,
            )
            if known is not None and known["digest"] == digest:
                return bytes(known["reply"])
            if known is not None:
                return self._reply(asked, refusal=ops.OpRefusal(0, E.REPEATED_OTHERWISE))
            reply, keep = self._done(asked)
            if keep:
                row = (asked.sender, asked.id, digest, reply, asked.sent_at_us)
                self._db.execute("INSERT INTO answer VALUES (?, ?, ?, ?, ?)", row)
            # Crash here: nothing happened and nobody was told. Crash behind the COMMIT: it is done,
            # and whoever asks again with the same id is told so.
            return reply

    def _done(self, asked: Asked) -> tuple[bytes, bool]:
        age_us = self._now_us() - asked.sent_at_us
        if not -AHEAD_US <= age_us <= KEPT_US:
            off_us = age_us - KEPT_US if age_us > 0 else -age_us - AHEAD_US
            return self._reply(asked, refusal=ops.OpRefusal(0, E.STALE, off_us)), False
        self._db.execute("SAVEPOINT batch")
        index, results = 0, []
        try:
            if isinstance(asked, OpenAccount):
                results = self._open(asked)
            else:
                for index, op in enumerate(asked.ops):
                    whole = ops.resolved(op, asked.ops[:index])
                    if whole is None:
                        refuse(E.MALFORMED)
                    results.append(self._apply(asked.sender, whole))
        except Refused as no:
            self._db.execute("ROLLBACK TO batch")
            # A no is not kept: it has changed nothing, and may be a yes when it is asked again.
            refusal = ops.OpRefusal(index, no.error, no.figure)
            return self._reply(asked, refusal=refusal), False
        return self._reply(asked, tuple(results)), True

    def _reply(
        self, asked: Asked, results: tuple[OpResult, ...] = (), refusal: Any = None
    ) -> bytes:
        reply = BatchReply(self._key.node_id, asked.sender, asked.id, results, refusal)
        return sign_reply(self._key, reply)

    def prune(self) -> None:
        """Forgets answers to questions that are stale when they are asked again. Legs stay: their
        numbers are write-once for ever."""
        with self._transaction():
            before_us = self._now_us() - 2 * KEPT_US
            self._db.execute("DELETE FROM answer WHERE sent_at_us < ?", (before_us,))

    def _open(self, asked: OpenAccount) -> list[OpResult]:
        if not self._one("SELECT 1 FROM thing WHERE brand = ?", asked.brand):
            refuse(E.WRONG_BRAND)
        account = account_id(asked.brand, asked.sender, asked.label)
        if not self._one("SELECT 1 FROM account WHERE id = ?", account):
            if self._one("SELECT count(*) FROM account")[0] >= MAX_ACCOUNTS:
                refuse(E.QUOTA, MAX_ACCOUNTS)
            row = (account, asked.brand, asked.sender, 0)
            self._db.execute("INSERT INTO account VALUES (?, ?, ?, ?)", row)
        wanted = [(CapabilityKind.ACCOUNT, asked.new_account)]
        wanted += [(CapabilityKind.TERMS, asked.new_terms)] if asked.new_terms else []
        return [self._grant(account, asked, *one) for one in wanted]

    def _grant(
        self, account: bytes, asked: OpenAccount, kind: CapabilityKind, token: bytes
    ) -> OpResult:
        hashed = capability_hash(token)  # the token itself is never written, and never logged
        row = (hashed, kind, account, asked.sender)
        known = self._one("SELECT * FROM capability WHERE hash = ?", hashed)
        if known is None:
            self._fresh(token)
            query = "SELECT count(*) FROM capability WHERE account = ?"
            if self._one(query, account)[0] >= MAX_CAPABILITIES:
                refuse(E.QUOTA, MAX_CAPABILITIES)
            self._db.execute("INSERT INTO capability VALUES (?, ?, ?, ?)", row)
        elif tuple(known) != row:
            refuse(E.REPEATED_OTHERWISE)
        return OpResult(hashed, brand=asked.brand, account=account, kind=kind)

    # ------------------------------------------------------------------ the ops

    def _apply(self, sender: bytes, op: ops.Op) -> OpResult:
        match op:
            case ops.Offer():
                return self._offer(sender, op)
            case ops.Accept():
                return self._accept(sender, op)
            case ops.Refund():
                return self._refund(sender, op)
            case ops.Look():
                return self._look(sender, op)
            case _:
                refuse(E.NOT_ALLOWED)  # a clean no to what this registrar does not do

    def _account(self, sender: bytes, token: Any, kind: CapabilityKind) -> Any:
        """Of a capability in the hands of the node that it is bound to."""
        query = """SELECT account.* FROM capability JOIN account ON account.id = account
            WHERE hash = ? AND kind = ? AND holder = ?"""
        found = self._one(query, capability_hash(token), kind, sender)
        return found if found is not None else refuse(E.NOT_ALLOWED)

    def _hold(self, token: Any) -> Any:
        """Gone or not. One that nobody has made may still be on its way: NOT_YET, try again."""
        query = "SELECT hold.*, brand FROM hold JOIN account ON account.id = account WHERE hash = ?"
        found = self._one(query, capability_hash(token))
        return found if found is not None else refuse(E.NOT_YET)

    def _open_hold(self, token: Any) -> Any:
        hold = self._hold(token)
        return hold if not hold["gone"] else refuse(E.GONE, hold["result"])

    def _fresh(self, token: bytes) -> bytes:
        hashed = capability_hash(token)
        for table in ("hold", "capability"):
            if self._one(f"SELECT 1 FROM {table} WHERE hash = ?", hashed):
                refuse(E.REPEATED_OTHERWISE)
        return hashed

    def _new_hold(
        self, account: Any, token: bytes, amount: int, room: int, tied: bytes
    ) -> OpResult:
        hashed = self._fresh(token)
        query = "SELECT count(*) FROM hold WHERE account = ? AND gone = 0"
        if self._one(query, account["id"])[0] >= MAX_OPEN_HOLDS:
            refuse(E.QUOTA, MAX_OPEN_HOLDS)
        self._db.execute(
            "INSERT INTO hold (hash, account, amount, room, only_for) VALUES (?, ?, ?, ?, ?)",
            (hashed, account["id"], amount, room, tied),
        )
        kind = CapabilityKind.HOLD
        return OpResult(hashed, amount, account["brand"], account["id"], kind=kind)

    def _offer(self, sender: bytes, op: ops.Offer) -> OpResult:
        account = self._account(sender, op.account, CapabilityKind.ACCOUNT)
        if not 0 < op.amount <= MAX_AMOUNT:
            refuse(E.BAD_LOT, 1)
        if op.amount > account["balance"]:
            refuse(E.INSUFFICIENT_FUNDS, op.amount - account["balance"])
        self._add(account["id"], -op.amount)
        return self._new_hold(account, op.new_hold, op.amount, 0, op.only_for)

    def _accept(self, sender: bytes, op: ops.Accept) -> OpResult:
        # Who may own a thing is decided here, before anybody's is locked: delivery cannot fail.
        account = self._account(sender, op.account, CapabilityKind.ACCOUNT)
        if op.up_to > MAX_AMOUNT:
            refuse(E.ABOVE_CEILING, op.up_to - MAX_AMOUNT)
        return self._new_hold(account, op.new_hold, 0, op.up_to or MAX_AMOUNT, op.only_for)

    def _refund(self, sender: bytes, op: ops.Refund) -> OpResult:
        account = self._account(sender, op.account, CapabilityKind.ACCOUNT)
        hold = self._hold(op.hold)
        if hold["account"] != account["id"]:
            refuse(E.WRONG_BRAND)
        if hold["gone"]:
            refuse(E.GONE, hold["result"])
        if hold["locks"]:
            refuse(E.LOCKED)
        self._add(account["id"], hold["amount"])
        self._db.execute(
            "UPDATE hold SET result = amount, amount = 0, room = 0, gone = 1 WHERE hash = ?",
            (hold["hash"],),
        )
        return OpResult(hold["hash"], hold["amount"], account["brand"], account["id"])

    def _look(self, sender: bytes, op: ops.Look) -> OpResult:
        assert isinstance(op.capability, bytes)
        hashed = capability_hash(op.capability)
        if self._one("SELECT 1 FROM hold WHERE hash = ?", hashed):
            hold = self._open_hold(op.capability)
            named = (hold["brand"], hold["account"])
            return OpResult(hashed, hold["amount"], *named, kind=CapabilityKind.HOLD)
        account = self._account(sender, op.capability, CapabilityKind.ACCOUNT)
        named = (account["brand"], account["id"])
        return OpResult(hashed, account["balance"], *named, kind=CapabilityKind.ACCOUNT)

    def _add(self, account: bytes, amount: int) -> None:
        query = "UPDATE account SET balance = balance + ? WHERE id = ?"
        self._db.execute(query, (amount, account))
