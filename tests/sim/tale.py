"""A history written by hand for the oracle: one payment over P, A and Q, row by row."""

from dataclasses import dataclass, field
from typing import Final

from node.command.sim.cast import NOW_US, R1, SECOND, digest, signing_key
from node.command.sim.oracle.oracle import Oracle
from node.command.sim.world.world import CAST
from node.core.rows import (
    Direction,
    Line,
    LinePhase,
    Payment,
    PaymentPhase,
    Promise,
    PromisePhase,
    Request,
    RequestPhase,
    Role,
    Row,
    Transaction,
    replace,
)
from node.group import sign_sends
from proto.descriptor import Descriptor, commit_id
from proto.envelope import sign
from proto.levels import Level
from proto.messages import Promise as PromiseMessage
from proto.money import Brand
from proto.onion import PACKET_BYTES
from proto.policy import single
from proto.statement import INTERIM_KIND, Interim, InterimKind, Outcome
from proto.v1 import types_pb2 as pb
from registry.log import Logged
from registry.log import Row as Decided
from tests.proto.build import aborted_leaf, committed_leaf, make_commit
from tests.sim.scenes import LIMIT, chain

KEYS: Final = {name: signing_key(f"tale {name}") for name in "PAQ"}
USD: Final = Brand(digest("usd")[:16], "USD")
LINES: Final = {"PA": digest("line PA")[:16], "AQ": digest("line AQ")[:16]}
BESIDE: Final = {"P": "PA", "A": "PA AQ", "Q": "AQ"}
OUT, IN = Direction.OUT, Direction.IN
ROLES: Final = {"P": Role.PAYER, "A": Role.HOP, "Q": Role.PAYEE}
OWNERS: Final = {"P": digest("payment")[:16], "A": b"", "Q": digest("request")[:16]}


@dataclass
class Tale:
    """`now_us`: virtual, from 0. `watches`, `accepts`: of A."""

    levels: tuple[str, str] = ("ATOMIC", "ATOMIC")
    amounts: tuple[int, int] = (1005, 1000)
    expires_s: tuple[int, int] = (4, 2)
    watches: bool = True
    accepts: bool = True
    admitted: bool = True
    salt: str = "first"
    decline_hash: bytes = b""
    hold_max_ms: int = 120_000
    limit: int = LIMIT
    now_us: int = 0
    oracle: Oracle = field(init=False)
    rows: dict[tuple[str, bytes], Line] = field(default_factory=dict)

    def __post_init__(self) -> None:
        spec = chain(
            "PAQ",
            accepts={} if self.accepts else {"A": ()},
            watches="PAQ" if self.watches else "",
            hold_max_ms=self.hold_max_ms,
        )
        self.oracle = Oracle(
            specs={node.name: node for node in spec.nodes},
            names={key.node_id: name for name, key in KEYS.items()},
            registry_ids={name: cast.id for name, cast in CAST.items()},
            now_us=lambda: self.now_us,
            own_clock=lambda _: NOW_US + self.now_us,
        )
        for name in KEYS:
            lines = [self._line(name, ends) for ends in BESIDE[name].split()]
            self.oracle.committed(name, lines)

    def _line(self, name: str, ends: str) -> Line:
        other = ends.replace(name, "")
        peer = KEYS[other].node_id
        line = Line(LINES[ends], peer, USD, LinePhase.OPEN, self.limit, self.limit)
        self.rows[name, line.id] = line
        return line

    # ------------------------------------------------------------------ what there is

    @property
    def descriptor(self) -> Descriptor:
        return Descriptor(
            salt=digest(self.salt),
            deadline_us=NOW_US + 10 * SECOND,
            policy=single(R1.id),
            committers=(signing_key("committer").public,),
            threshold=1,
            terms_root=digest("terms"),
            decline_hash=self.decline_hash,
        )

    @property
    def commit(self) -> bytes:
        return commit_id(self.descriptor.encode())

    def transaction(self, name: str) -> Transaction:
        """As the node called `name` keeps it, undecided."""
        d = self.descriptor
        return Transaction(
            self.commit, d.encode(), ROLES[name], d.deadline_us, d.limit_us, owner=OWNERS[name]
        )

    def promise(self, name: str, direction: Direction) -> Promise:
        """The promise that this node gives or holds, as it is made."""
        second = (name, direction) in (("A", OUT), ("Q", IN))
        ends = "AQ" if second else "PA"
        level, at = Level[self.levels[second]], self.expires_s[second]
        held = Promise(
            promisor=KEYS[ends[0]].node_id,
            id=digest(self.salt + ends)[:16],
            direction=direction,
            line=LINES[ends],
            peer=KEYS[ends[1] if direction is OUT else ends[0]].node_id,
            commit=self.commit,
            amount=self.amounts[second],
            level=level,
            expires_at_us=NOW_US + at * SECOND if level.has_expiry else 0,
            phase=PromisePhase.OFFERED,
            partner=KEYS["P" if second else "A"].node_id if name == "A" else b"",
            partner_id=digest(self.salt + ("PA" if second else "AQ"))[:16] if name == "A" else b"",
            made_at_us=NOW_US + self.now_us,
            owner=OWNERS[name],
        )
        return replace(held, evidence=self._said(held)) if direction is IN else held

    def _said(self, held: Promise) -> bytes:
        sender = next(key for key in KEYS.values() if key.node_id == held.promisor)
        receiver = next(key for key in KEYS.values() if key.node_id != held.promisor)
        interim = Interim(
            InterimKind.ADMITTED, self.commit, NOW_US, 1000, NOW_US + 12 * SECOND, R1.id
        ).encode()
        answer = pb.SignedInterim(
            interim=interim, signatures=[sign(R1.online, INTERIM_KIND, interim).to_message()]
        ).SerializeToString()
        body = PromiseMessage(
            held.id, held.line, self.descriptor.encode(), held.amount, held.level,
            held.expires_at_us, bytes(PACKET_BYTES), (answer,) if self.admitted else (),
        )  # fmt: skip
        return sign_sends(sender, [(receiver.node_id, body)])[receiver.node_id][0]

    # ------------------------------------------------------------------ what happens

    def write(self, name: str, *rows: Row) -> None:
        """A group becomes durable."""
        self.oracle.committed(name, rows)

    def made(self, name: str, *promises: Promise) -> None:
        """These promises are new, under this tale's transaction."""
        lines = [self._moved(name, promise, 1) for promise in promises]
        self.write(name, self.transaction(name), *promises, *lines)

    def ended(self, name: str, direction: Direction, phase: PromisePhase, *others: Row) -> None:
        """The promise comes to this end, and its line with it."""
        promise = self.promise(name, direction)
        line = self._moved(name, promise, -1)
        if phase is PromisePhase.REDEEMED:
            line = _booked(line, promise)
        self.rows[name, line.id] = line
        self.write(name, replace(promise, phase=phase), line, *others)

    def _moved(self, name: str, promise: Promise, sign_: int) -> Line:
        line, amount = self.rows[name, promise.line], sign_ * promise.amount
        if promise.direction is OUT:
            line = replace(
                line, pending_out=line.pending_out + amount, count_out=line.count_out + sign_
            )
        else:
            line = replace(
                line, pending_in=line.pending_in + amount, count_in=line.count_in + sign_
            )
        self.rows[name, line.id] = line
        return line

    def promised(self) -> None:
        """All of them stand."""
        self.write("P", self.payment(PaymentPhase.PROMISED))
        self.made("P", self.promise("P", OUT))
        self.made("A", self.promise("A", IN), self.promise("A", OUT))
        self.write("Q", self.request())
        self.made("Q", self.promise("Q", IN))

    def paid(self) -> None:
        """Signed, decided and booked, from the payee to the payer."""
        self.signed()
        self.decided(Outcome.COMMITTED)
        self.ended("A", OUT, PromisePhase.REDEEMED)
        self.ended("Q", IN, PromisePhase.REDEEMED)
        self.ended("P", OUT, PromisePhase.REDEEMED, self.payment(PaymentPhase.COMMITTED))
        self.ended("A", IN, PromisePhase.REDEEMED)

    def signed(self) -> None:
        """The payee signs."""
        self.write("Q", replace(self.transaction("Q"), commit_evidence=b"signed"))

    def payment(self, phase: PaymentPhase, attempt: int = 1) -> Payment:
        """The payer's."""
        return Payment(
            OWNERS["P"], digest("hash"), b"", 1000, USD, KEYS["Q"].node_id, phase, NOW_US,
            attempt=attempt, commit=self.commit,
        )  # fmt: skip

    def request(self) -> Request:
        """The payee's."""
        return Request(
            OWNERS["Q"], b"", b"", 1000, USD, RequestPhase.OPEN, NOW_US, NOW_US + 300 * SECOND
        )

    def decided(self, outcome: Outcome, registry: str = R1.name, **changes: object) -> None:
        """A registry decides, in time."""
        d = self.descriptor
        if outcome is Outcome.COMMITTED:
            commit = make_commit(d)
            leaf = committed_leaf(commit, d, **changes)
            row = Decided(leaf, leaf.encode(), commit.evidence, d.encode())
        else:
            leaf = aborted_leaf(d, **changes)
            row = Decided(leaf, leaf.encode(), b"", b"")
        self.oracle.decided(registry, [Logged(row, 0)])


def _booked(line: Line, promise: Promise) -> Line:
    if promise.direction is OUT:
        return replace(
            line, booked_out=line.booked_out + promise.amount, sequence_out=line.sequence_out + 1
        )
    return replace(
        line, booked_in=line.booked_in + promise.amount, sequence_in=line.sequence_in + 1
    )
