"""Parties at a table: cores that exchange letters by hand, and registrars that always agree.

Nothing travels by itself. A test says which letters arrive, and may bend or hold back any.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256

from node.command.sim.cast import NOW_US, R1, RECORDS, SECOND, SINGLE, digest, signing_key
from node.core.apply import Applied, apply
from node.core.escrow.events import (
    Joining,
    JoinSeat,
    KeepRow,
    LetterCame,
    LetterTaken,
    Propose,
    RegistrarSaid,
)
from node.core.escrow.reading import deal_seats, read_share
from node.core.escrow.rows import Account, Deal, Letter, LetterKind, Seat
from node.core.events import Event, LearnCertificate
from node.core.rows import Row
from node.core.view import Settings, Step
from node.escrow.library import library_bytes
from node.escrow.plan import Plan, compile_plan
from node.memory import Memory
from proto.card import NodeCard, sign_card
from proto.certificate import AbortCertificate, CommitCertificate
from proto.commit import Commit, Evidence
from proto.descriptor import commit_id, decode_descriptor
from proto.envelope import Proof
from proto.escrow.batch import read_batch
from proto.escrow.legs import Leg, LegPromise, sign_leg_promise
from proto.escrow.letters import Body, decode_letter, encode_letter, sign_letter
from proto.escrow.letters import Letter as Words
from proto.escrow.ops import Accept, Prepare
from proto.escrow.proposal import Proposal, read_proposal, sign_proposal
from proto.escrow.rights import Right, canonical_json, sign_right, unique_brand_id
from proto.fees import FeeSet
from proto.key_certificate import certify_key
from proto.keys import KeyCertificate, KeyPurpose, NodeId, SealKey
from proto.money import Brand
from proto.wire import canonical
from tests.proto.build import aborted_leaf, committed_leaf

FAR_US = 2**60
WITHIN_US = 30 * SECOND
PREIMAGE = digest("decline")[:32]
Bend = Callable[[Body], Body | None]


@cache
def card_of(name: str, until_us: int = FAR_US) -> str:
    """`until_us`: when its keys run out."""
    key = signing_key(name)
    there = b"certificate of " + name.encode()
    tls = KeyCertificate(key.node_id, KeyPurpose.TLS, there, 0, until_us)
    seal_key = SealKey(digest("seal " + name)).public
    seal = KeyCertificate(key.node_id, KeyPurpose.SEAL, seal_key, 0, FAR_US)
    content = NodeCard(
        key.node_id,
        name,
        f"{name}.example:1",
        tls.key,
        canonical(certify_key(key, tls)),
        canonical(certify_key(key, seal)),
        f"{name}.example:2",
    )
    return sign_card(key, content)


def node_of(name: str) -> NodeId:
    return signing_key(name).node_id


def right_of(registrar: str, kind: str, **attributes: str | int) -> Right:
    node, text = node_of(registrar), canonical_json(attributes)
    brand = Brand(unique_brand_id(node, kind, text), kind.capitalize(), 1, node)
    return Right(brand, node, kind, text, policies=(SINGLE,), longest_lock_us=3600 * SECOND)


@dataclass
class Party:
    """One node: its memory, and the time on its clock."""

    name: str
    memory: Memory = field(init=False)
    now_us: int = NOW_US

    def __post_init__(self) -> None:
        settings = Settings(
            node=node_of(self.name),
            fees=FeeSet({}),
            accepts=frozenset(RECORDS),
            records=RECORDS,
        )
        self.memory = Memory(settings)

    def take(self, event: Event) -> Applied:
        applied = apply(self.memory, event)
        for row in applied.changes:
            self.memory.put(row)
        return applied

    def waiting(self) -> list[Letter]:
        """Letters and batches that nobody has answered, oldest first."""
        return [row for row in self.memory.owned(Letter) if not row.answered]

    def seats(self, deal: bytes) -> list[Seat]:
        return deal_seats(Step(self.memory, self.now_us), deal)

    def deal(self, deal: bytes) -> Deal:
        row = self.memory.row((Deal.table, deal, b""))
        assert isinstance(row, Deal)
        return row

    def rows(self) -> dict[object, Row]:
        return dict(self.memory.rows)


@dataclass
class Table:
    """Parties by name; an exchange of `template` among seats, each held by the party named."""

    template: str
    seats: dict[str, str]
    values: dict[str, object]
    rights: tuple[Right, ...]
    coordinator: str = ""
    initiator: str = ""
    parties: dict[str, Party] = field(init=False)
    proposal: Proposal = field(init=False)
    signed: bytes = field(init=False)
    plan: Plan = field(init=False)

    def __post_init__(self) -> None:
        self.initiator = self.initiator or next(iter(self.seats.values()))
        names = dict.fromkeys((*self.seats.values(), self.initiator))
        if self.coordinator:
            names[self.coordinator] = None
        self.parties = {name: Party(name) for name in names}
        self._propose()
        for seat, name in self.seats.items():
            self._open_accounts(seat, self.parties[name])

    def _propose(self) -> None:
        template = library_bytes(self.template)
        nodes = {seat: node_of(name).hex() for seat, name in self.seats.items()}
        instance = canonical_json({"transaction": self.template, **nodes, **self.values}).encode()
        rights = {right.brand.guid: right for right in self.rights}
        self.plan = compile_plan(template, instance, rights)
        registrars = dict.fromkeys(card_of(self._registrar(r)) for r in self.rights)
        proposal = Proposal(
            salt=digest("proposal")[:16],
            initiator=node_of(self.initiator),
            initiator_card=card_of(self.initiator),
            template=template,
            instance=instance,
            rights=tuple(
                sign_right(signing_key(self._registrar(right)), right) for right in self.rights
            ),
            seats=tuple((seat, card_of(name)) for seat, name in self.seats.items()),
            legs=self.plan.legs,
            within_us=WITHIN_US,
            policies=(SINGLE,),
            coordinators=(card_of(self.coordinator or self.initiator),),
            created_at_us=NOW_US,
            expires_at_us=NOW_US + 60 * SECOND,
            decline_hash=sha256(PREIMAGE).digest(),
            registrars=tuple(registrars),
        )
        self.signed = sign_proposal(signing_key(self.initiator), proposal)
        self.proposal = read_proposal(self.signed)

    @staticmethod
    def _registrar(right: Right) -> str:
        return next(n for n in ("reg1", "reg2", "reg3") if node_of(n) == right.registrar)

    def _open_accounts(self, seat: str, party: Party) -> None:
        for leg in self.plan.legs:
            if leg.registrar is None or seat not in (leg.from_seat, leg.to_seat):
                continue
            right = next(r for r in self.rights if r.brand.guid == leg.brand)
            name = self._registrar(right)
            account = Account(
                registrar=right.registrar,
                slot=leg.brand,
                account=digest(f"account {party.name} {leg.brand.hex()}")[:16],
                brand=right.brand,
                capability=digest(f"capability {party.name} {leg.brand.hex()}"),
                terms=digest(f"terms {party.name} {leg.brand.hex()}"),
                card=card_of(name),
                right=sign_right(signing_key(name), right),
            )
            party.take(KeepRow(party.now_us, account))

    # ------------------------------------------------------------------ going on

    @property
    def id(self) -> bytes:
        return self.proposal.id

    def at(self, seat: str) -> Party:
        return self.parties[self.seats[seat]]

    def seat(self, name: str) -> Seat:
        return next(s for s in self.at(name).seats(self.id) if s.seat == name)

    @property
    def deal(self) -> Deal:
        return self.parties[self.coordinator or self.initiator].deal(self.id)

    def propose(self) -> None:
        me = self.parties[self.initiator]
        me.take(Propose(me.now_us, self.signed, self.proposal, PREIMAGE))

    def joining(self, seat: str) -> Joining:
        planned = next(s for s in self.plan.seats if s.name == seat)
        accounts = tuple(
            leg.registrar + leg.brand
            if leg.registrar is not None and seat in (leg.from_seat, leg.to_seat)
            else b""
            for leg in self.plan.legs
        )
        wants = tuple(sorted({*planned.receives, *planned.wants}))
        seed = digest(f"seed {seat}")
        return Joining(seed, accounts, wants, planned.commits, (0,), '{"pay": {}}')

    def join(self, *seats: str) -> None:
        for seat in seats or tuple(self.seats):
            party = self.at(seat)
            party.take(JoinSeat(party.now_us, self.id, seat, self.joining(seat)))

    def carry(self, *kinds: type[Body], bend: Bend | None = None, rounds: int = 20) -> int:
        """Delivers letters of these kinds (none: all) and has registrars answer, until nothing
        waits; how many letters arrived. `bend` changes a body on its way, or holds it back."""
        carried = 0
        for _ in range(rounds):
            under_way = [(p, row) for p in self.parties.values() for row in p.waiting()]
            moved = False
            for party, row in under_way:
                if row.kind is LetterKind.BATCH:
                    moved |= not kinds and self.answer(party, row)
                    continue
                words = decode_letter(row.payload)
                if kinds and not isinstance(words.body, kinds):
                    continue
                body = words.body if bend is None else bend(words.body)
                if body is None:
                    continue
                moved = True
                carried += 1
                self.deliver(party, Words(words.sender, words.receiver, words.sent_at_us, body))
                party.take(LetterTaken(party.now_us, row.id))
            if not moved:
                break
        return carried

    def deliver(self, sender: Party, words: Words) -> Applied:
        """A letter arrives as its sender's, whatever it says."""
        receiver = next(p for p in self.parties.values() if node_of(p.name) == words.receiver)
        payload = encode_letter(words)
        seed = digest(f"letter {sender.name}")
        signed = sign_letter(signing_key(sender.name), payload)
        return receiver.take(LetterCame(receiver.now_us, words, payload, seed, signed))

    def abort(self) -> None:
        """The registry decides, and everybody asks it."""
        certificate = aborted(self.deal.descriptor)
        for party in self.parties.values():
            party.take(LearnCertificate(party.now_us, certificate))

    def commit(self) -> None:
        """As `abort`, of a deal whose shares are all there."""
        deal = self.deal
        shares = tuple(read_share(kept) for kept in deal.shares if kept)
        certificate = committed(deal.descriptor, shares)
        for party in self.parties.values():
            party.take(LearnCertificate(party.now_us, certificate))

    def answer(self, party: Party, row: Letter, refused: int = 0) -> bool:
        """The registrar does what it is asked, or refuses."""
        promise = b"" if refused else self.promise(row)
        party.take(RegistrarSaid(party.now_us, row.id, refused, 0, promise))
        return True

    def promise(self, row: Letter) -> bytes:
        """What the registrar signs for a batch; empty where it prepares nothing."""
        for op in read_batch(row.payload).ops:
            if isinstance(op, Prepare):
                leg = op.leg.term
                name = next(n for n in ("reg1", "reg2", "reg3") if node_of(n) == row.receiver)
                assert isinstance(op.destination, bytes)
                to = sha256(op.destination).digest()
                commit = commit_id(op.descriptor)
                assert isinstance(leg, Leg)
                signed = LegPromise(commit, leg, leg.amount, 0, to, row.receiver)
                return sign_leg_promise(signing_key(name), signed)
        return b""


def committed(
    descriptor: bytes, shares: tuple[Proof, ...], preimages: tuple[bytes, ...] = ()
) -> CommitCertificate:
    commit = Commit(descriptor, Evidence(shares, preimages).encode())
    leaf = committed_leaf(commit, decode_descriptor(descriptor)).encode()
    return CommitCertificate(commit, (R1.sign_statement(leaf),))


def aborted(descriptor: bytes) -> AbortCertificate:
    leaf = aborted_leaf(decode_descriptor(descriptor)).encode()
    return AbortCertificate(descriptor, (R1.sign_statement(leaf),))


def accepts(rows: Iterable[Letter]) -> list[Letter]:
    """The batches among them that accept."""
    return [
        row
        for row in rows
        if row.kind is LetterKind.BATCH
        and any(isinstance(op, Accept) for op in read_batch(row.payload).ops)
    ]


def swap(coordinator: str = "") -> Table:
    """Ann's parcel for Bob's pass, at two registrars."""
    parcel, entry = right_of("reg1", "parcel", no=7), right_of("reg2", "pass", no=9)
    values: dict[str, object] = {
        "first_right": parcel.brand.guid.hex(),
        "second_right": entry.brand.guid.hex(),
    }
    seats = {"first": "ann", "second": "bob"}
    return Table("swap", seats, values, (parcel, entry), coordinator)
