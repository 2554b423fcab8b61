"""Buyer, seller, agents, an arbiter and their house: cores that exchange letters by hand.

Nothing travels by itself and no time passes by itself. The registry decides honestly and at once;
the house promises and pays whatever the contract says.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from hashlib import sha256

from node.command.sim.cast import NOW_US, RECORDS, SECOND, SINGLE, digest, signing_key
from node.core.apply import Applied, apply
from node.core.due import due_us
from node.core.effects import AskRegistries, DraftContract
from node.core.escrow.events import KeepRow, LetterTaken, RegistrarSaid
from node.core.escrow.rows import Account, Letter, LetterKind
from node.core.events import Due, Event, LearnCertificate
from node.core.rows import Ask, Transaction
from node.core.sale.entering import all_parties
from node.core.sale.events import (
    BidRule,
    ContractDrafted,
    Entering,
    EnterSale,
    GiveCredential,
    HandOver,
    OpenSale,
    SaleLetterCame,
)
from node.core.sale.reading import sale_of
from node.core.sale.rows import Sale
from node.core.view import Settings
from node.memory import Memory
from node.sale.drafting import Accepts, draft_contract, draft_rule
from node.sale.vault import Vault
from proto.commit import Evidence
from proto.descriptor import commit_id, decode_descriptor
from proto.escrow.batch import read_batch
from proto.escrow.legs import Leg, LegPromise, sign_leg_promise
from proto.escrow.letters import Decided, OfSale, decode_letter, encode_letter, sign_letter
from proto.escrow.ops import Refund, RegistrarError
from proto.escrow.rights import sign_right
from proto.fees import FeeSet
from proto.limits import GUARD_US
from proto.sale.contract import pool_hold, read_contract
from proto.sale.handover import HandedOver, sign_handed_over
from proto.sale.letters import SaleBody, decode_words, encode_words
from proto.sale.offer import AgentOffer, SaleOffer, sale_id, sign_agent_offer, sign_offer
from proto.sale.ops import OpenPool, OpenVote, SealVote, Stake
from proto.sale.promise import pool_promise, sign_pool_promise
from proto.sale.stakes import SaleRole, Stakes, Times
from tests.node.core.escrow_table import aborted, card_of, committed, node_of, right_of

HOUSE = "reg1"
DEPOSIT = replace(right_of(HOUSE, "deposit", of="credit"), longest_lock_us=10**12)
STAKES = Stakes(price=1000, buyer_deposit=100, seller_deposit=150, bond=1200, vote_bond=10)
TIMES = Times(
    agree_us=10 * SECOND,
    lock_us=60 * SECOND,
    release_us=80 * SECOND,
    window_us=40 * SECOND,
    refund_us=40 * SECOND,
    slash_us=0,
    vote_us=30 * SECOND,
)
KEY = digest("K")[:32]
SEALED = b"sealed to the buyer"
LOG_HEAD = digest("log")[:32]
CHALLENGE = digest("challenge")[:16]
Bend = Callable[[str, SaleBody], SaleBody | None]


def agent_offer(name: str, tip: int = 20, bond_max: int = 5000) -> bytes:
    offer = AgentOffer(
        *(node_of(name), card_of(name), (), tip, 0, bond_max, "names and games"),
        created_at_us=NOW_US - 1,
        expires_at_us=NOW_US + 10**6 * SECOND,
    )
    return sign_agent_offer(signing_key(name), offer)


@dataclass
class Person:
    """One node, its memory and its clock. `asks`: what it asked the registry, oldest first."""

    name: str
    memory: Memory = field(init=False)
    now_us: int = NOW_US
    drafts: list[bytes] = field(default_factory=list)
    asks: list[AskRegistries] = field(default_factory=list)

    def __post_init__(self) -> None:
        settings = Settings(
            node=node_of(self.name), fees=FeeSet({}), accepts=frozenset(RECORDS), records=RECORDS
        )
        self.memory = Memory(settings)

    def take(self, event: Event) -> Applied:
        applied = apply(self.memory, event)
        for row in applied.changes:
            self.memory.put(row)
        for effect in applied.effects:
            if isinstance(effect, AskRegistries):
                self.asks.append(effect)
            elif isinstance(effect, DraftContract):
                self.drafts.append(effect.sale)
        return applied

    def waiting(self) -> list[Letter]:
        return [row for row in self.memory.owned(Letter) if not row.answered]


@dataclass
class SaleTable:
    """Bob buys from Sally; `agents` offer to judge, `arbiter` may slash.

    `refuses`: ops of a person that the house refuses: (name, kind) -> error.
    """

    agents: tuple[str, ...] = ("ned", "nora")
    arbiter: str = ""
    stakes: Stakes = STAKES
    times: Times = TIMES
    people: dict[str, Person] = field(init=False)
    offer: SaleOffer = field(init=False)
    signed: bytes = field(init=False)
    decided: dict[bytes, object] = field(default_factory=dict)
    refuses: dict[tuple[str, type], int] = field(default_factory=dict)
    sealed_votes: dict[str, bytes] = field(default_factory=dict)
    opened_votes: dict[str, bytes] = field(default_factory=dict)
    shown_keys: set[bytes] = field(default_factory=set)
    fetched: dict[str, bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        named = ("bob", "sally", *self.agents, *((self.arbiter,) if self.arbiter else ()))
        self.people = {name: Person(name) for name in named}
        for person in self.people.values():
            person.take(KeepRow(NOW_US, self._account(person.name)))
        if self.arbiter:
            self.times = replace(self.times, slash_us=50 * SECOND)
        self.offer = SaleOffer(
            salt=digest("sale")[:16],
            buyer=node_of("bob"),
            buyer_card=card_of("bob"),
            seller_card=card_of("sally"),
            thing="lamp.example",
            right=sign_right(signing_key(HOUSE), DEPOSIT),
            house_card=card_of(HOUSE),
            stakes=self.stakes,
            times=self.times,
            policy=SINGLE,
            arbitration="what a careful buyer would see",
            created_at_us=NOW_US,
            expires_at_us=NOW_US + 300 * SECOND,
            arbiter_card=card_of(self.arbiter) if self.arbiter else "",
        )
        self.signed = sign_offer(signing_key("bob"), self.offer)

    @staticmethod
    def _account(name: str) -> Account:
        return Account(
            registrar=DEPOSIT.registrar,
            slot=DEPOSIT.brand.guid,
            account=digest("account " + name)[:16],
            brand=DEPOSIT.brand,
            capability=digest("capability " + name),
            terms=digest("terms " + name),
            card=card_of(HOUSE),
            right=sign_right(signing_key(HOUSE), DEPOSIT),
        )

    # ------------------------------------------------------------------ who does what

    @property
    def id(self) -> bytes:
        return sale_id(self.signed)

    def sale(self, name: str) -> Sale:
        row = sale_of(self.people[name].memory, self.id)
        assert row is not None, name
        return row

    def entering(self, name: str, role: SaleRole) -> Entering:
        box = Vault(signing_key(name)).box(self.id, role).public
        slot = b"" if role is SaleRole.ARBITER else DEPOSIT.registrar + DEPOSIT.brand.guid
        return Entering(digest("seed " + name), box, slot)

    def accepts(self, *names: str, highest: int = 50) -> Accepts:
        return Accepts(tuple(agent_offer(name) for name in names), highest)

    def open(self, accepts: Accepts | None = None) -> Applied:
        bob = self.people["bob"]
        accepts = accepts or self.accepts(*self.agents)
        entering = self.entering("bob", SaleRole.BUYER)
        rule = draft_rule(signing_key("bob"), self.id, (), entering.seed, accepts)
        return bob.take(OpenSale(bob.now_us, self.signed, rule, entering))

    def bid(self, name: str, accepts: Accepts | None = None) -> Applied:
        person, sale = self.people[name], self.sale(name)
        entering = self.entering(name, sale.role)
        accepts = accepts or self.accepts(*self.agents)
        rule = draft_rule(signing_key(name), self.id, sale.rules, entering.seed, accepts)
        return person.take(BidRule(person.now_us, self.id, rule, entering))

    def enter(self, name: str) -> Applied:
        person = self.people[name]
        entering = self.entering(name, self.sale(name).role)
        return person.take(EnterSale(person.now_us, self.id, entering))

    @property
    def agent(self) -> str:
        """Who was chosen."""
        return next(n for n in self.agents if node_of(n) == self.sale("bob").agent)

    def agree(self) -> None:
        """Until T0 is committed."""
        self.open()
        self.carry()
        self.bid("sally")
        self.carry()
        self.enter(self.agent)
        if self.arbiter:
            self.enter(self.arbiter)
        self.carry()

    def hand_over(self) -> None:
        """Sally gives the credential, the agent hands over."""
        sally = self.people["sally"]
        sally.take(GiveCredential(sally.now_us, self.id, b"sealed to the agent"))
        self.carry()
        self.people[self.agent].take(self.handing_over())

    def handing_over(self) -> HandOver:
        said = HandedOver(
            self.id, sha256(KEY).digest(), sha256(SEALED).digest(), LOG_HEAD, CHALLENGE
        )
        statement = sign_handed_over(signing_key(self.agent), said)
        now_us = self.people[self.agent].now_us
        return HandOver(now_us, self.id, SEALED, statement, (), KEY, digest("salts"))

    def lock(self) -> None:
        """Until T1 is committed."""
        self.agree()
        self.hand_over()
        self.carry()

    # ------------------------------------------------------------------ the world

    def carry(self, bend: Bend | None = None, rounds: int = 40) -> None:
        """Letters arrive, the house and the registry answer, until nothing moves. `bend` gets the
        sender's name and changes a body on its way, or holds it back (None)."""
        for _ in range(rounds):
            moved = False
            for person in self.people.values():
                for row in person.waiting():
                    moved |= self._deliver(person, row, bend)
                moved |= self._draft(person)
                moved |= self.ask_registry(person)
            if not moved:
                return

    def _deliver(self, person: Person, row: Letter, bend: Bend | None) -> bool:
        if row.kind is LetterKind.BATCH:
            return self._house(person, row)
        words = decode_letter(row.payload)
        receiver = next(p for p in self.people.values() if node_of(p.name) == words.receiver)
        if isinstance(words.body, Decided):
            receiver.take(LearnCertificate(receiver.now_us, words.body.certificate))
        else:
            assert isinstance(words.body, OfSale)
            said, payload = decode_words(words.body.words), row.payload
            if bend is not None:
                body = bend(person.name, said.body)
                if body is None:
                    return False
                said = replace(said, body=body)
                payload = encode_letter(replace(words, body=OfSale(encode_words(said))))
            signed = sign_letter(signing_key(person.name), payload)
            receiver.take(SaleLetterCame(receiver.now_us, node_of(person.name), said, signed))
        person.take(LetterTaken(person.now_us, row.id))
        return True

    def _draft(self, person: Person) -> bool:
        if not person.drafts:
            return False
        sale = sale_of(person.memory, person.drafts.pop())
        assert sale is not None
        made = draft_contract(
            signing_key(person.name),
            sale,
            all_parties(person.memory, sale),
            person.now_us,
            lambda size: digest("entropy")[:size],
        )
        person.take(ContractDrafted(person.now_us, sale.id, *made))
        return True

    def _house(self, person: Person, row: Letter) -> bool:
        """The house does what it is asked; a vote that comes too early waits."""
        promise, refused = b"", 0
        for op in read_batch(row.payload).ops:
            refused = refused or self.refuses.get((person.name, type(op)), 0)
            match op:
                case OpenPool(contract, agreement):
                    made = pool_promise(read_contract(contract), contract, agreement)
                    promise = sign_pool_promise(signing_key(HOUSE), made)
                case Stake(pool=pool, descriptor=descriptor, leg=opening):
                    leg = opening.term
                    assert isinstance(leg, Leg)
                    said = LegPromise(
                        commit_id(descriptor),
                        leg,
                        leg.amount,
                        0,
                        pool_hold(pool, leg.no),
                        node_of(HOUSE),
                    )
                    promise = sign_leg_promise(signing_key(HOUSE), said)
                case Refund(hold=hold):
                    self.fetched[person.name] = hold  # type: ignore[assignment]
                case SealVote(hash=hashed):
                    self.sealed_votes[person.name] = hashed
                case OpenVote(vote=vote):
                    if len(self.sealed_votes) < 2:
                        refused = int(RegistrarError.NOT_YET)
                    else:
                        self.opened_votes[person.name] = vote
                case _:
                    pass
        before = person.memory.row(row.key)
        promise = b"" if refused else promise
        person.take(RegistrarSaid(person.now_us, row.id, refused, 0, promise))
        return person.memory.row(row.key) != before

    def ask_registry(self, person: Person) -> bool:
        """The registry answers what this person has asked; whether anything was new to it."""
        asked, person.asks = person.asks, []
        moved = False
        for ask in asked:
            row = person.memory.row((Transaction.table, ask.commit, b""))
            assert isinstance(row, Transaction)
            answer = self._decide(row, ask.ask, person.now_us)
            if answer is not None:
                person.take(LearnCertificate(person.now_us, answer))  # type: ignore[arg-type]
                moved = True
        return moved

    def _decide(self, row: Transaction, ask: Ask, now_us: int) -> object | None:
        known = self.decided.get(row.commit)
        if known is not None:
            return known
        descriptor = decode_descriptor(row.descriptor)
        late = now_us > descriptor.deadline_us
        if ask is Ask.SUBMIT:
            self.shown_keys |= set(Evidence.decode(row.commit_evidence).preimages)
        if ask is Ask.SUBMIT and not late:
            shares = Evidence.decode(row.commit_evidence)
            made: object = committed(row.descriptor, shares.shares, shares.preimages)
        elif (ask is Ask.DECLINE and not late) or now_us > descriptor.limit_us + GUARD_US:
            made = aborted(row.descriptor)
        else:
            return None
        self.decided[row.commit] = made
        return made

    def pass_time(self, until_us: int, bend: Bend | None = None) -> None:
        """Everybody's clock goes on, and what is due happens in its order."""
        while True:
            due = [
                (at_us, name, row.key)
                for name, person in self.people.items()
                for row in list(person.memory.rows.values())
                if (at_us := due_us(row)) is not None
            ]
            at_us, name, key = min(due, default=(until_us + 1, "", ("", b"", b"")))
            if at_us > until_us:
                break
            person = self.people[name]
            for other in self.people.values():
                other.now_us = max(other.now_us, at_us)
            person.take(Due(person.now_us, key))
            self.carry(bend)
        for person in self.people.values():
            person.now_us = max(person.now_us, until_us)
        self.carry(bend)
