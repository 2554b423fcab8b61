"""The house's promise, before anybody agrees: how it will split the pool in every branch."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from proto.descriptor import commit_id
from proto.envelope import Envelope
from proto.escrow.rights import Right, registrar_fee_ceil
from proto.keys import NodeId, SigningKey, node_id
from proto.limits import ACCOUNT_ID_BYTES
from proto.sale.contract import Contract, pool_account, pool_id
from proto.sale.offer import HASH_BYTES
from proto.sale.signed import read_signed
from proto.sale.stakes import BondBranch, Branch, SaleRole
from proto.v1 import sale_pb2 as pb
from proto.wire import WireFault, canonical

POOL_PROMISE_KIND: Final = "pledgeway/pool-promise/v1"
MAX_POOL_PROMISE_BYTES: Final = 2048  # five branches with three payouts each have 800
PROMISES_KEPT: Final = 512

Payouts = tuple[tuple[bytes, int], ...]
"""(account, amount), none of them zero."""


@dataclass(frozen=True, slots=True)
class PoolPromise:
    """`branches`: what each pays to which account of the parties; the house's fee is not in it."""

    house: NodeId
    pool: bytes
    agreement: bytes
    account: bytes
    total: int
    branches: tuple[tuple[int, Payouts], ...]


def house_fee_ceil(right: Right, price: int) -> int:
    """What the house keeps of a price that is released: the fee of its open terms, rounded up to
    the lot. Stakes and refunds cost nothing."""
    lot = right.brand.unit
    return -(-registrar_fee_ceil(right.fee, price) // lot) * lot


def payouts(contract: Contract, branch: Branch | BondBranch) -> Payouts:
    """What a branch pays to the parties' accounts, in the order of their parts."""
    if isinstance(branch, Branch):
        split = contract.pool.split(branch)
    else:
        split = contract.pool.split_bond(branch)
    paid = ((role, split.get(role, 0)) for role in SaleRole if role is not SaleRole.HOUSE)
    return tuple((contract.account_of(role), amount) for role, amount in paid if amount)


def pool_promise(contract: Contract, signed: bytes, agreement: bytes) -> PoolPromise:
    """What the house says of a contract; `agreement` is T0's descriptor."""
    named: list[Branch | BondBranch] = [*Branch]
    if contract.pool.arbitrated:
        named += BondBranch
    pool = pool_id(signed)
    return PoolPromise(
        contract.house,
        pool,
        commit_id(agreement),
        pool_account(pool),
        contract.pool.total,
        tuple((int(branch), payouts(contract, branch)) for branch in named),
    )


def sign_pool_promise(key: SigningKey, promise: PoolPromise) -> bytes:
    """The signed promise (an Envelope)."""
    m = pb.PoolPromise(
        house=promise.house,
        pool=promise.pool,
        agreement=promise.agreement,
        account=promise.account,
        total=promise.total,
        branches=[
            pb.PoolBranch(
                branch=branch,
                payouts=[pb.PoolPayout(account=a, amount=n) for a, n in paid],
            )
            for branch, paid in promise.branches
        ],
    )
    return Envelope.seal(key, POOL_PROMISE_KIND, canonical(m)).encode()


@lru_cache(maxsize=PROMISES_KEPT)
def read_pool_promise(signed: bytes) -> PoolPromise:
    """Verifies and reads it. WireFault. Whoever relies on it compares it with `pool_promise`."""
    m, signer = read_signed(signed, POOL_PROMISE_KIND, pb.PoolPromise, MAX_POOL_PROMISE_BYTES)
    if signer != m.house:
        raise WireFault("the promise of a pool that its house did not sign")
    if {len(m.pool), len(m.agreement)} != {HASH_BYTES} or len(m.account) != ACCOUNT_ID_BYTES:
        raise WireFault("the promise of a pool with an id of wrong length")
    return PoolPromise(
        node_id(m.house),
        m.pool,
        m.agreement,
        m.account,
        m.total,
        tuple((b.branch, tuple((p.account, p.amount) for p in b.payouts)) for b in m.branches),
    )
