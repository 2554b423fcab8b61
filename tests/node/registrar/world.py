"""A registrar in memory with owners, brands and transactions, all made from labels."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from node.command.sim.cast import NOW_US, R1, RECORDS, SECOND, SINGLE, digest, signing_key
from node.registrar import owner
from node.registrar.core import Ran, ended, run
from node.registrar.court import Court
from node.registrar.rows import Account, Brand, Entry, Hold, Leg, Terms, account_id
from node.registrar.step import House, Key, Refused, Step
from proto.certificate import AbortCertificate, CommitCertificate
from proto.descriptor import Descriptor, commit_id
from proto.escrow.batch import OpenAccount
from proto.escrow.legs import Leg as LegTerm
from proto.escrow.legs import LegPromise, RightCarrier, sign_leg_promise
from proto.escrow.ops import (
    Accept,
    LegPhase,
    Offer,
    Op,
    OpResult,
    Prepare,
    RegistrarError,
    Settle,
    capability_hash,
)
from proto.escrow.rights import Right, Vetting, canonical_json, sign_right, unique_brand_id
from proto.escrow.terms import Opening, plant
from proto.fees import Fee
from proto.keys import NodeId, SigningKey
from proto.money import Brand as BrandValue
from proto.money import Rate
from proto.policy import RegistryPolicy
from proto.sale.promise import sign_pool_promise
from proto.sale.votes import sign_rating
from tests.proto.build import COMMITTER, abort_certificate, commit_certificate

HOUSE_KEY = signing_key("registrar")
HOUR_US = 3600 * SECOND
ALICE, BOB, CAROL, TRENT = (signing_key(name) for name in ("alice", "bob", "carol", "trent"))


class DictView:
    """Rows in a dictionary."""

    def __init__(self) -> None:
        self.rows: dict[tuple[type, Key], Any] = {}
        self.entries: list[Entry] = []

    def find(self, kind: type, key: Key) -> Any:
        return self.rows.get((kind, key))

    def legs_of(self, commit: bytes) -> list[Leg]:
        found = [r for r in self.rows.values() if isinstance(r, Leg) and r.commit == commit]
        return sorted(found, key=lambda leg: leg.no)

    def absorb(self, ran: Ran) -> None:
        for row in ran.changes:
            self.rows[type(row), row.key] = row
        for at in ran.gone:
            self.rows.pop(at, None)
        self.entries += ran.entries

    def all(self, kind: type) -> list[Any]:
        return [row for (k, _), row in self.rows.items() if k is kind]


def right_of(
    name: str = "gold",
    kind: str = "deposit",
    supply: int = 1000,
    lot: int = 1,
    fee: Fee | None = None,
    **more: Any,
) -> Right:
    """A description; `more` are its other fields, `attributes` a mapping."""
    node = HOUSE_KEY.node_id
    attributes = canonical_json(more.pop("attributes", {"name": name}))
    guid = unique_brand_id(node, kind, attributes)
    values: dict[str, Any] = {
        "open_terms": True,
        "vetting": Vetting.ANYONE,
        "policies": (SINGLE,),
        "longest_lock_us": HOUR_US,
    }
    return Right(
        brand=BrandValue(guid, name, lot, node),
        registrar=node,
        kind=kind,
        attributes=attributes,
        supply=supply,
        fee=fee or Fee(),
        **(values | more),
    )


def fee(rate: str = "1", flat: int = 0) -> Fee:
    return Fee(Rate.parse(rate), flat)


def cap(label: str) -> bytes:
    """A capability."""
    return digest("capability " + label)


@dataclass
class World:
    """One registrar. Owners' capabilities are labelled "<name>/<brand>" and ".../terms"."""

    view: DictView = field(default_factory=DictView)
    now_us: int = NOW_US

    @property
    def house(self) -> House:
        court = Court((RECORDS, {}), self.now_us)
        return House(
            HOUSE_KEY.node_id,
            lambda promise: sign_leg_promise(HOUSE_KEY, promise),
            lambda right: sign_right(HOUSE_KEY, right),
            lambda promise: sign_pool_promise(HOUSE_KEY, promise),
            lambda rating: sign_rating(HOUSE_KEY, rating),
            court.judge,
            court.dominates,
        )

    def act(self, act: Callable[[Step], Any]) -> Any:
        """What the owner does; Refused comes through, and then nothing has changed."""
        step = Step(self.view, self.house, HOUSE_KEY.node_id, self.now_us)
        given = act(step)
        self.view.absorb(ended(step))
        return given

    def brand(self, **more: Any) -> Right:
        right = right_of(**more)
        self.act(lambda step: owner.create_brand(step, right))
        return right

    def open(self, who: SigningKey, right: Right, label: str, under: bytes = b"") -> bytes:
        """An account and, where the brand has open terms, terms; the account's id. `under`: the
        label by which its owner tells it from his usual one."""
        asked = OpenAccount(
            who.node_id,
            HOUSE_KEY.node_id,
            bytes(16),
            self.now_us,
            right.brand.guid,
            cap(label),
            cap(label + "/terms"),
            under,
        )
        step = Step(self.view, self.house, who.node_id, self.now_us)
        results = owner.open_account(step, asked)
        self.view.absorb(ended(step))
        return results[0].account

    def fund(self, account: bytes, amount: int) -> None:
        self.act(lambda step: owner.pay_out(step, account, amount))

    def owns(self, who: SigningKey, right: Right, label: str, amount: int = 0) -> bytes:
        """An account with something in it."""
        account = self.open(who, right, label)
        if amount:
            self.fund(account, amount)
        return account

    def run(self, who: SigningKey, *ops: Op) -> Ran:
        ran = run(self.view, self.house, who.node_id, ops, self.now_us)
        self.view.absorb(ran)
        return ran

    def do(self, who: SigningKey, *ops: Op) -> tuple[OpResult, ...]:
        """It must succeed."""
        ran = self.run(who, *ops)
        assert ran.refusal is None, ran.refusal
        return ran.results

    def no(self, who: SigningKey, *ops: Op) -> tuple[RegistrarError, int]:
        """It must be refused, and leave everything as it was."""
        before = (dict(self.view.rows), list(self.view.entries))
        ran = self.run(who, *ops)
        assert ran.refusal is not None, ran.results
        assert (self.view.rows, self.view.entries) == before
        assert ran.results == () and ran.changes == ()
        return ran.refusal.error, ran.refusal.figure

    # ------------------------------------------------------------------ looking

    def account(self, right: Right, who: SigningKey) -> Account:
        found = self.view.find(Account, (account_id(right.brand.guid, who.node_id),))
        assert isinstance(found, Account)
        return found

    def hold(self, label: str) -> Hold:
        found = self.view.find(Hold, (capability_hash(cap(label)),))
        assert isinstance(found, Hold)
        return found

    def balance(self, right: Right, who: SigningKey) -> int:
        return self.account(right, who).balance

    def terms(self, right: Right) -> Terms:
        found = self.view.find(Terms, (right.brand.guid,))
        assert isinstance(found, Terms)
        return found

    def conserved(self) -> None:
        """K3: per brand, issued = balances + holds + prepared legs."""
        sums: dict[bytes, int] = {}
        of = {account.id: account.brand for account in self.view.all(Account)}
        for account in self.view.all(Account):
            sums[account.brand] = sums.get(account.brand, 0) + account.balance
        for hold in self.view.all(Hold):
            sums[of[hold.account]] += hold.amount
        for leg in self.view.all(Leg):
            if leg.phase is LegPhase.PREPARED:
                sums[leg.brand] += leg.amount
        for brand in self.view.all(Brand):
            assert sums[brand.guid] == brand.right.supply, brand.right.brand.name


@dataclass(frozen=True)
class Deal:
    """Legs under one decision, with all that anybody needs of it."""

    descriptor: Descriptor
    openings: tuple[Opening, ...]

    @property
    def encoded(self) -> bytes:
        return self.descriptor.encode()

    @property
    def commit(self) -> bytes:
        return commit_id(self.encoded)

    @property
    def committed(self) -> CommitCertificate:
        return commit_certificate(self.descriptor, R1)

    @property
    def aborted(self) -> AbortCertificate:
        return abort_certificate(self.descriptor, R1)

    def opening(self, no: int = 1) -> Opening:
        return self.openings[no - 1]

    def prepare(self, giver: str, source: str, destination: str, no: int = 1) -> Prepare:
        holds = (cap(source), cap(destination))
        return Prepare(cap(giver + "/terms"), *holds, self.encoded, self.opening(no))

    def settle(self, commit: bool = True) -> Settle:
        return Settle(self.committed if commit else self.aborted)


def leg_of(
    right: Right,
    giver: SigningKey,
    taker: SigningKey,
    amount: int,
    no: int = 1,
    fee_max: int = 0,
    **more: Any,
) -> LegTerm:
    guid = right.brand.guid
    carrier = RightCarrier(
        more.pop("registrar", HOUSE_KEY.node_id),
        account_id(guid, giver.node_id),
        account_id(guid, taker.node_id),
    )
    return LegTerm(no, more.pop("brand", guid), amount, "giver", "taker", carrier, fee_max)


def deal(
    *legs: LegTerm,
    label: str = "deal",
    in_us: int = 30 * SECOND,
    policy: RegistryPolicy = SINGLE,
    at_us: int = NOW_US,
) -> Deal:
    """The decision about these legs, `in_us` from `at_us`."""
    root, openings = plant(legs, [digest(f"{label} salt {i}") for i in range(len(legs))])
    descriptor = Descriptor(
        salt=digest(label),
        deadline_us=at_us + in_us,
        policy=policy,
        committers=(COMMITTER.public,),
        threshold=1,
        terms_root=root,
    )
    return Deal(descriptor, openings)


def enter(
    world: World, right: Right, amount: int, label: str = "", tied: bytes = b""
) -> tuple[str, str]:
    """Alice offers, Bob accepts; the labels of the two holds."""
    source, destination = f"alice offers{label}", f"bob accepts{label}"
    world.do(ALICE, Offer(cap("alice"), amount, cap(source), tied))
    world.do(BOB, Accept(cap("bob"), cap(destination), tied))
    return source, destination


__all__ = ["LegPromise", "NodeId", "Refused"]
