"""The contract of a sale: parties, figures, and the descriptors that decide it (escrow section 8).

The buyer forms it once all have named their keys; it binds nobody before T0 is committed, and it is
all that the house, every party and a court need.
"""

from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from itertools import pairwise
from typing import Final

from proto.card import card_node
from proto.descriptor import Descriptor, DescriptorInvalid, commit_id, decode_descriptor
from proto.envelope import Envelope
from proto.escrow.legs import Leg, RightCarrier
from proto.escrow.terms import Order
from proto.keys import KEY_BYTES, NodeId, SigningKey, node_id
from proto.limits import ACCOUNT_ID_BYTES, MAX_AMOUNT
from proto.money import BRAND_ID_BYTES
from proto.policy import RegistryPolicy
from proto.sale.offer import HASH_BYTES, MAX_ARBITRATION_CHARS, SALE_ID_BYTES
from proto.sale.signed import read_card_line, read_signed
from proto.sale.stakes import STAKERS, Decision, Pool, SaleRole, Stakes
from proto.v1 import sale_pb2 as pb
from proto.wire import WireFault, canonical

CONTRACT_KIND: Final = "pledgeway/sale-contract/v1"
CONTRACT_VERSION: Final = 1
# Of what the letter with the terms holds beside it: T0, the promise, three signed letters.
MAX_CONTRACT_BYTES: Final = 40_960  # 12,000 usually
CONTRACTS_KEPT: Final = 512  # read a dozen times each while their sale lives
POOL_SEAT: Final = "pool"
DECIDED: Final = (Decision.RELEASE, Decision.REFUND, Decision.DELIVERED, Decision.CHALLENGE)
"""Decisions whose descriptors are in every contract, in this order; Ts behind them, if any."""

SIGNERS: Final = {
    Decision.AGREE: (STAKERS, 3),
    Decision.LOCK: (STAKERS, 3),
    Decision.RELEASE: (STAKERS, 2),
    Decision.REFUND: (STAKERS, 2),
    Decision.DELIVERED: ((SaleRole.AGENT,), 1),
    Decision.CHALLENGE: ((SaleRole.BUYER,), 1),
    Decision.SLASH: ((SaleRole.BUYER, SaleRole.SELLER, SaleRole.ARBITER), 3),
}
"""Who signs a decision, and how many keys of theirs it takes. The arbiter has two keys of Ts."""

DECLINES: Final = {
    Decision.RELEASE: SaleRole.SELLER,  # she concedes
    Decision.DELIVERED: SaleRole.AGENT,  # "it was not delivered"
    Decision.CHALLENGE: SaleRole.BUYER,  # "I do not object"
}
"""Who may end a decision early, by the preimage of his decline hash."""


def keys_of(decision: Decision, role: SaleRole) -> int:
    """How many one-time keys `role` has in it."""
    if role not in SIGNERS[decision][0]:
        return 0
    return 2 if role is SaleRole.ARBITER else 1


def may_decline(role: SaleRole) -> Decision | None:
    """The decision that `role` may end early."""
    return next((decision for decision, whose in DECLINES.items() if whose is role), None)


@dataclass(frozen=True, slots=True)
class Party:
    """One who signs. `keys`: by decision; `box`: X25519 key for the hand-over; `account`: at the
    house."""

    role: SaleRole
    card: str
    account: bytes
    keys: tuple[tuple[Decision, tuple[bytes, ...]], ...]
    box: bytes = b""
    decline_hash: bytes = b""

    @property
    def node(self) -> NodeId:
        return card_node(self.card)

    def keys_for(self, decision: Decision) -> tuple[bytes, ...]:
        return next((keys for named, keys in self.keys if named is decision), ())

    def to_message(self) -> pb.SaleParty:
        return pb.SaleParty(
            role=int(self.role),  # type: ignore[arg-type]
            card=self.card,
            account=self.account,
            keys=[
                pb.SaleKey(decision=int(decision), keys=keys)  # type: ignore[arg-type]
                for decision, keys in self.keys
            ],
            box=self.box,
            decline_hash=self.decline_hash,
        )

    @classmethod
    def from_message(cls, m: pb.SaleParty, with_arbiter: bool) -> "Party":
        """Raises WireFault where it has not just the keys that its part needs."""
        try:
            role = SaleRole(m.role)
            keys = tuple((Decision(key.decision), tuple(key.keys)) for key in m.keys)
        except ValueError as error:
            raise WireFault("a party with an unknown part") from error
        wanted = tuple(
            (decision, keys_of(decision, role))
            for decision in Decision
            if keys_of(decision, role) and (with_arbiter or decision is not Decision.SLASH)
        )
        if tuple((decision, len(found)) for decision, found in keys) != wanted:
            raise WireFault("a party with other keys than its part needs")
        every = [key for _, found in keys for key in found]
        if any(len(key) != KEY_BYTES for key in every) or len(set(every)) != len(every):
            raise WireFault("a party with malformed or repeated keys")
        needs_account = role is not SaleRole.ARBITER
        boxed = len(m.box) == KEY_BYTES or (not m.box and role is SaleRole.ARBITER)
        declines = HASH_BYTES if may_decline(role) is not None else 0
        if len(m.account) != (ACCOUNT_ID_BYTES if needs_account else 0) or not boxed:
            raise WireFault("a party without an account or a box")
        if len(m.decline_hash) != declines:
            raise WireFault("a party with a malformed decline hash")
        read_card_line(m.card)
        return cls(role, m.card, m.account, keys, m.box, m.decline_hash)


@dataclass(frozen=True, slots=True)
class Contract:
    """`descriptors`: of DECIDED in their order, and of Ts. Times are absolute µs."""

    sale: bytes
    house: NodeId
    brand: bytes
    pool: Pool
    parties: tuple[Party, ...]
    agreed_until_us: int
    locked_until_us: int
    descriptors: tuple[bytes, ...]
    votes_sealed_until_us: int
    votes_open_until_us: int
    choice: bytes
    arbitration: str

    def party(self, role: SaleRole) -> Party:
        return next(party for party in self.parties if party.role is role)

    def role_of(self, node: bytes) -> SaleRole | None:
        return next((party.role for party in self.parties if party.node == node), None)

    def account_of(self, role: SaleRole) -> bytes:
        """Where payouts to `role` go; not for the house."""
        return self.party(role).account

    @property
    def decisions(self) -> dict[Decision, bytes]:
        """Descriptors of T2, T3, Ta, Tc, and of Ts where there is an arbiter."""
        every = (*DECIDED, Decision.SLASH)
        return dict(zip(every, self.descriptors, strict=False))

    @property
    def policy(self) -> RegistryPolicy:
        return decode_descriptor(self.descriptors[0]).policy

    def encode(self) -> bytes:
        return canonical(
            pb.SaleContract(
                version=CONTRACT_VERSION,
                sale_id=self.sale,
                house=self.house,
                brand=self.brand,
                lot=self.pool.lot,
                stakes=self.pool.stakes.to_message(),
                tip=self.pool.tip,
                house_fee=self.pool.house_fee,
                parties=[party.to_message() for party in self.parties],
                agreed_until_us=self.agreed_until_us,
                locked_until_us=self.locked_until_us,
                descriptors=self.descriptors,
                votes_sealed_until_us=self.votes_sealed_until_us,
                votes_open_until_us=self.votes_open_until_us,
                choice=self.choice,
                arbitration=self.arbitration,
            )
        )


def sign_contract(key: SigningKey, contract: Contract) -> bytes:
    """The buyer's signed contract (an Envelope)."""
    return Envelope.seal(key, CONTRACT_KIND, contract.encode()).encode()


def pool_id(signed: bytes) -> bytes:
    """Names a contract and its pool: SHA-256 of the signed form, 32 bytes."""
    return sha256(signed).digest()


@lru_cache(maxsize=CONTRACTS_KEPT)
def read_contract(signed: bytes) -> Contract:
    """Verifies and reads it: signature, parties' keys, descriptors, sums. Raises WireFault.

    What it says is then possible and adds up; whether it is what a party agreed to, he checks.
    """
    m, signer = read_signed(signed, CONTRACT_KIND, pb.SaleContract, MAX_CONTRACT_BYTES)
    if m.version != CONTRACT_VERSION:
        raise WireFault("a contract of a sale of an unknown version")
    with_arbiter = len(m.parties) == len(STAKERS) + 1
    parties = tuple(Party.from_message(party, with_arbiter) for party in m.parties)
    roles = (*STAKERS, SaleRole.ARBITER) if with_arbiter else STAKERS
    if tuple(party.role for party in parties) != roles:
        raise WireFault("a contract without one of its parties")
    nodes = [party.node for party in parties]
    if signer != nodes[0] or len({*nodes, m.house}) != len(nodes) + 1:
        raise WireFault("a contract that its buyer did not sign, or with one node twice")
    # Of T1, too, whose descriptor is made later: nobody could then make it.
    every = [key for party in parties for _, keys in party.keys for key in keys]
    if len(set(every)) != len(every):
        raise WireFault("a contract in which two parties have one key")
    lengths = (len(m.sale_id), len(m.brand), len(m.choice))
    if lengths != (SALE_ID_BYTES, BRAND_ID_BYTES, HASH_BYTES) or not m.lot:
        raise WireFault("a contract with an id of wrong length")
    lines = m.arbitration.split("\n")
    if len(m.arbitration) > MAX_ARBITRATION_CHARS or not all(x.isprintable() for x in lines):
        raise WireFault("a contract with a too long or unprintable arbitration text")
    pool = Pool(Stakes.from_message(m.stakes), m.tip, m.house_fee, m.lot, with_arbiter)
    if fault := pool.fault():
        raise WireFault(f"a contract with {fault}")
    try:
        house = node_id(m.house)
    except ValueError as error:
        raise WireFault(str(error)) from error
    contract = Contract(
        sale=m.sale_id,
        house=house,
        brand=m.brand,
        pool=pool,
        parties=parties,
        agreed_until_us=m.agreed_until_us,
        locked_until_us=m.locked_until_us,
        descriptors=tuple(m.descriptors),
        votes_sealed_until_us=m.votes_sealed_until_us,
        votes_open_until_us=m.votes_open_until_us,
        choice=m.choice,
        arbitration=m.arbitration,
    )
    _check_decisions(contract)
    return contract


def _check_decisions(contract: Contract) -> None:
    wanted = len(DECIDED) + contract.pool.arbitrated
    if len(contract.descriptors) != wanted:
        raise WireFault("a contract without one of its decisions")
    ends = [contract.agreed_until_us, contract.locked_until_us]
    read = {}
    for decision, data in contract.decisions.items():
        read[decision] = check_decision(contract.sale, contract.parties, decision, data)
    release, refund = read[Decision.RELEASE], read[Decision.REFUND]
    delivered, challenge = read[Decision.DELIVERED], read[Decision.CHALLENGE]
    ends += [release.deadline_us, challenge.deadline_us, refund.deadline_us]
    if Decision.SLASH in read:
        ends.append(read[Decision.SLASH].deadline_us)
    rising = all(a < b for a, b in pairwise(ends))
    if not rising or ends[0] <= 0 or delivered.deadline_us != release.deadline_us:
        raise WireFault("a contract whose decisions do not follow each other")
    ends += [contract.votes_sealed_until_us, contract.votes_open_until_us]
    if not ends[-3] <= ends[-2] <= ends[-1] <= MAX_AMOUNT:
        raise WireFault("a contract whose votes are cast before it ends")
    if contract.pool.stakes.vote_bond and not ends[-3] < ends[-2] < ends[-1]:
        raise WireFault("a contract in which nobody has time to vote for his bond")
    if len({d.policy for d in read.values()}) != 1 or len(release.policy.members) != 1:
        raise WireFault("a contract under more than one registry")


def check_decision(
    sale: bytes, parties: tuple[Party, ...], decision: Decision, data: bytes, bound: bytes = b""
) -> Descriptor:
    """The descriptor of a decision of this sale, with just the right committers. WireFault.

    `bound`: what its terms bind beside the sale: of T0 the pool's id. T1 has terms of its own.
    """
    try:
        descriptor = decode_descriptor(data)
    except DescriptorInvalid as error:
        raise WireFault(str(error)) from error
    roles, threshold = SIGNERS[decision]
    keys = tuple(
        key for party in parties if party.role in roles for key in party.keys_for(decision)
    )
    if (descriptor.committers, descriptor.threshold) != (keys, threshold):
        raise WireFault("a decision with other committers than its parties")
    root, locked = decision_root(sale, decision, bound), decision is Decision.LOCK
    if not locked and (descriptor.terms_root != root or descriptor.hashlocks):
        raise WireFault("a decision about something else")
    if locked:
        return descriptor  # who forms it may decline it, and could as well not submit it
    declines = DECLINES.get(decision)
    allowed = {party.decline_hash for party in parties if party.role is declines} or {b""}
    if descriptor.decline_hash not in allowed:
        raise WireFault("a decision that a stranger may decline")
    return descriptor


def decision_root(sale: bytes, decision: Decision, bound: bytes = b"") -> bytes:
    """The terms_root of a decision without legs: what it is about, and of which sale."""
    return sha256(b"pledgeway/sale-decision/v1\0" + bytes((decision,)) + sale + bound).digest()


def make_decision(
    sale: bytes,
    parties: tuple[Party, ...],
    decision: Decision,
    salt: bytes,
    deadline_us: int,
    policy: RegistryPolicy,
    bound: bytes = b"",
) -> bytes:
    """The descriptor that `check_decision` accepts. `salt`: 32 fresh bytes. Not for T1."""
    roles, threshold = SIGNERS[decision]
    signers = [party for party in parties if party.role in roles]
    whose = DECLINES.get(decision)
    declines = next((party.decline_hash for party in parties if party.role is whose), b"")
    return Descriptor(
        salt=salt,
        deadline_us=deadline_us,
        policy=policy,
        committers=tuple(key for party in signers for key in party.keys_for(decision)),
        threshold=threshold,
        terms_root=decision_root(sale, decision, bound),
        decline_hash=declines,
    ).encode()


# ---------------------------------------------------------------- T1


def pool_account(pool: bytes) -> bytes:
    """The id of the pool's account at the house, 16 bytes."""
    return sha256(b"pledgeway/pool-account/v1\0" + pool).digest()[:ACCOUNT_ID_BYTES]


def pool_hold(pool: bytes, no: int) -> bytes:
    """Names the hold into which leg `no` of T1 goes, as a LegPromise does: a hash of nothing that
    could be shown as a capability."""
    return sha256(b"pledgeway/pool-hold/v1\0" + pool + bytes((no,))).digest()


def stake_legs(contract: Contract, pool: bytes) -> tuple[Leg, ...]:
    """The legs of T1: what each puts into the pool, without any fee."""
    legs = []
    for no, role in enumerate(STAKERS, 1):
        source = contract.account_of(role)
        carrier = RightCarrier(contract.house, source, pool_account(pool))
        amount = contract.pool.stake(role)
        legs.append(Leg(no, contract.brand, amount, role.name.lower(), POOL_SEAT, carrier, 0))
    return tuple(legs)


def lock_order(pool: bytes, agreement: bytes) -> Order:
    """The leaf of T1's terms that binds the contract, and the commit_id of T0."""
    return Order(sha256(b"pledgeway/sale-lock/v1\0" + pool + commit_id(agreement)).digest())


def check_lock(contract: Contract, data: bytes) -> Descriptor:
    """T1's descriptor: all three sign, one hashlock, in time, the sale's registry. WireFault."""
    descriptor = check_decision(contract.sale, contract.parties, Decision.LOCK, data)
    if len(descriptor.hashlocks) != 1:
        raise WireFault("a lock without the hash of a key")
    if descriptor.deadline_us > contract.locked_until_us:
        raise WireFault("a lock that lasts longer than agreed")
    if descriptor.policy != contract.policy:
        raise WireFault("a lock under another registry")
    return descriptor
