"""A whole sale out of labels: parties with keys, contract, descriptors, T1, and what a registry
says of each decision. Pure; tests of every room build on it."""

from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from hashlib import sha256
from typing import Any

from node.command.sim.cast import NOW_US, R1, SECOND, SINGLE, CastRegistry, digest, signing_key
from proto.certificate import AbortCertificate, Certificate, CommitCertificate
from proto.descriptor import Descriptor, commit_id, decode_descriptor
from proto.escrow.rights import Right
from proto.escrow.terms import Opening, plant
from proto.keys import NodeId, SealKey, SigningKey
from proto.policy import RegistryPolicy
from proto.sale.contract import (
    DECIDED,
    DECLINES,
    SIGNERS,
    Contract,
    Party,
    keys_of,
    lock_order,
    make_decision,
    pool_id,
    sign_contract,
    stake_legs,
)
from proto.sale.stakes import STAKERS, Decision, Pool, SaleRole, Stakes, Times
from proto.sale.votes import Vote, sign_vote
from tests.node.core.escrow_table import card_of
from tests.proto.build import abort_certificate, committed_leaf, make_commit

MINUTE = 60 * SECOND
STAKES = Stakes(
    price=1000,
    buyer_deposit=100,
    seller_deposit=200,
    bond=1000,
    vote_bond=10,
    refund_tip_permille=500,
    slash_permille=250,
    slashed_bond_permille=600,
)
TIMES = Times(MINUTE, MINUTE, 10 * MINUTE, MINUTE, MINUTE, 0, 5 * MINUTE)
NAMES = {
    SaleRole.BUYER: "bob",
    SaleRole.SELLER: "sally",
    SaleRole.AGENT: "ned",
    SaleRole.ARBITER: "ada",
}
KEY = digest("K")  # what opens the hand-over; its hash locks T1


@cache
def sale_key(name: str, sale: bytes, decision: Decision, number: int = 0) -> SigningKey:
    """The one-time key by which `name` signs a decision of this sale."""
    return signing_key(f"{name} {sale.hex()} {decision.name} {number}")


@dataclass(frozen=True)
class Locked:
    """One T1: its descriptor, and openings of the three legs and of the order behind them."""

    descriptor: bytes
    openings: tuple[Opening, ...]

    @property
    def commit(self) -> bytes:
        return commit_id(self.descriptor)


@dataclass(frozen=True)
class SaleTable:
    """A sale at the registrar of `right`. `label` tells it from others; `accounts`: what the ids of
    accounts are made by; `fee`: the house's; `arbitrated`: with an arbiter, and Ts."""

    right: Right
    label: str = "sale"
    stakes: Stakes = STAKES
    times: Times = TIMES
    tip: int = 50
    fee: int = 0
    arbitrated: bool = False
    names: dict[SaleRole, str] = field(default_factory=lambda: dict(NAMES))
    policy: RegistryPolicy = SINGLE
    registry: CastRegistry = R1
    at_us: int = NOW_US
    changes: dict[str, Any] = field(default_factory=dict)  # to the contract, as it is signed

    def node(self, role: SaleRole) -> SigningKey:
        return signing_key(self.names[role])

    @property
    def house(self) -> NodeId:
        return self.right.registrar

    @cached_property
    def sale(self) -> bytes:
        return digest(f"sale {self.label}")[:16]

    @cached_property
    def roles(self) -> tuple[SaleRole, ...]:
        return (*STAKERS, SaleRole.ARBITER) if self.arbitrated else STAKERS

    @cached_property
    def parties(self) -> tuple[Party, ...]:
        return tuple(self._party(role) for role in self.roles)

    def _party(self, role: SaleRole) -> Party:
        name, arbiter = self.names[role], role is SaleRole.ARBITER
        keys = tuple(
            (decision, tuple(key.public for key in self.keys(decision, role)))
            for decision in Decision
            if keys_of(decision, role) and (self.arbitrated or decision is not Decision.SLASH)
        )
        declines = sha256(self.decline(role)).digest() if role in DECLINES.values() else b""
        box = b"" if arbiter else SealKey(digest(f"box {name} {self.label}")).public
        account = b"" if arbiter else self.account(role)
        return Party(role, card_of(name), account, keys, box, declines)

    def account(self, role: SaleRole) -> bytes:
        """As a registrar names the account of a node: node.registrar.rows.account_id."""
        named = b"pledgeway/account/v1\0" + self.right.brand.guid + self.node(role).node_id
        return sha256(named).digest()[:16]

    def keys(self, decision: Decision, role: SaleRole) -> tuple[SigningKey, ...]:
        """The one-time keys of a part in a decision."""
        name = self.names[role]
        count = keys_of(decision, role)
        return tuple(sale_key(name, self.sale, decision, i) for i in range(count))

    def decline(self, role: SaleRole) -> bytes:
        """The preimage by which a part ends its decision early."""
        return digest(f"decline {self.names[role]} {self.label}")

    @cached_property
    def ends(self) -> dict[Decision, int]:
        """The deadline of each decision; of T1 the latest."""
        t = self.times
        agree = self.at_us + t.agree_us
        lock = agree + t.lock_us
        release = lock + t.release_us
        challenge = release + t.window_us
        refund = challenge + t.refund_us
        slash = refund + (t.slash_us or MINUTE)
        order = (agree, lock, release, refund, release, challenge, slash)
        return dict(zip(Decision, order, strict=True))

    @cached_property
    def figures(self) -> Pool:
        unit = self.right.brand.unit
        return Pool(self.stakes, self.tip, self.fee, unit, self.arbitrated)

    @cached_property
    def contract(self) -> Contract:
        decided = (*DECIDED, Decision.SLASH) if self.arbitrated else DECIDED
        made = tuple(self._descriptor(decision) for decision in decided)
        last = self.ends[Decision.SLASH if self.arbitrated else Decision.REFUND]
        contract = Contract(
            sale=self.sale,
            house=self.house,
            brand=self.right.brand.guid,
            pool=self.figures,
            parties=self.parties,
            agreed_until_us=self.ends[Decision.AGREE],
            locked_until_us=self.ends[Decision.LOCK],
            descriptors=made,
            votes_sealed_until_us=last + self.times.vote_us,
            votes_open_until_us=last + 2 * self.times.vote_us,
            choice=digest("choice"),
            arbitration="As the page says.",
        )
        return replace(contract, **self.changes)

    def _descriptor(self, decision: Decision, bound: bytes = b"") -> bytes:
        salt = digest(f"{self.label} {decision.name}")
        end_us = self.ends[decision]
        return make_decision(self.sale, self.parties, decision, salt, end_us, self.policy, bound)

    @cached_property
    def signed(self) -> bytes:
        return sign_contract(self.node(SaleRole.BUYER), self.contract)

    @cached_property
    def pool(self) -> bytes:
        return pool_id(self.signed)

    @cached_property
    def agreement(self) -> bytes:
        """T0's descriptor."""
        return self._descriptor(Decision.AGREE, self.pool)

    def lock(self, label: str = "", in_us: int = MINUTE, **changes: Any) -> Locked:
        """A T1, `in_us` from the beginning. `changes`: to its descriptor."""
        legs = stake_legs(self.contract, self.pool)
        terms = (*legs, lock_order(self.pool, self.agreement))
        salts = [digest(f"{self.label} lock {label} {i}") for i in range(len(terms))]
        root, openings = plant(terms, salts)
        signers = [party for party in self.parties if party.role in STAKERS]
        values = {
            "salt": digest(f"{self.label} T1 {label}"),
            "deadline_us": self.at_us + in_us,
            "policy": self.policy,
            "committers": tuple(k for p in signers for k in p.keys_for(Decision.LOCK)),
            "threshold": 3,
            "terms_root": root,
            "hashlocks": (sha256(KEY).digest(),),
        }
        return Locked(Descriptor(**(values | changes)).encode(), openings)

    # ---------------------------------------------------------------- what a registry says

    def descriptor(self, decision: Decision) -> bytes:
        """Of any decision but T1."""
        return self.agreement if decision is Decision.AGREE else self.contract.decisions[decision]

    def committed(self, decision: Decision, *, lock: Locked | None = None) -> CommitCertificate:
        """Signed by the first of those who may. `lock`: of T1, which one."""
        data = lock.descriptor if lock is not None else self.descriptor(decision)
        read = decode_descriptor(data)
        roles, threshold = SIGNERS[decision]
        keys = [k for r in self.roles if r in roles for k in self.keys(decision, r)]
        if decision is Decision.SLASH:
            keys = keys[1:]  # the seller, and the arbiter's two
        preimages = (KEY,) if read.hashlocks else ()
        commit = make_commit(read, *keys[:threshold], preimages=preimages)
        leaf = committed_leaf(commit, read).encode()
        return CommitCertificate(commit, (self.registry.sign_statement(leaf),))

    def aborted(self, decision: Decision, *, lock: Locked | None = None) -> AbortCertificate:
        """Nobody committed it in time."""
        data = lock.descriptor if lock is not None else self.descriptor(decision)
        return abort_certificate(decode_descriptor(data), self.registry)

    def said(self, decision: Decision, commit: bool, lock: Locked | None = None) -> Certificate:
        """The one or the other."""
        made = self.committed if commit else self.aborted
        return made(decision, lock=lock)

    # ---------------------------------------------------------------- votes

    def vote(self, role: SaleRole, deciding: bytes, success: bool = True, **more: Any) -> Vote:
        """What `role` says of the agent; `more` are other fields."""
        values: dict[str, Any] = {
            "house": self.house,
            "pool": self.pool,
            "brand": self.right.brand.guid,
            "agent": self.node(SaleRole.AGENT).node_id,
            "voter": self.node(role).node_id,
            "value": self.stakes.price,
            "deciding": deciding,
            "success": success,
            "salt": digest(f"vote salt {self.label} {role.name}"),
        }
        return Vote(**(values | more))

    def signed_vote(self, role: SaleRole, vote: Vote) -> bytes:
        return sign_vote(self.node(role), vote)
