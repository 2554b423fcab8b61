"""Watches the house: after every transaction of its books, each pool holds what it must.

Summed up from the tables themselves, and from what the registry has really decided.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from sqlalchemy import Connection, Engine, func, select

from node.command.sim.escrow.titles import Wrong
from node.command.sim.oracle.decisions import Decisions
from node.command.sim.sale.table import Decided, Table, branch_of
from node.registrar.pool_rows import PoolState
from node.registrar.rows import Act
from node.registrar.tables import account, audit, pool, pool_vote
from proto.descriptor import commit_id
from proto.sale.contract import Contract, read_contract
from proto.sale.stakes import BondBranch, Branch, Decision, SaleRole
from proto.statement import Outcome


@dataclass(frozen=True, slots=True)
class SeenPool:
    """A pool as it stands in the books. `paid`: what has left it, by account."""

    id: bytes
    state: PoolState
    contract: bytes
    agreement: bytes
    lock: bytes
    branch: int
    bond: int
    votes_over: bool
    left: int
    voted: frozenset[bytes]
    paid: dict[bytes, int]

    @property
    def read(self) -> Contract:
        return read_contract(self.contract)

    @property
    def table(self) -> Table:
        """Its figures; whether they are what was offered, the parties see to."""
        terms = self.read.pool
        return Table(terms.stakes, terms.tip, terms.house_fee, terms.arbitrated)


@dataclass
class Pools:
    """All pools of a house. `seen`: as they stood after the last transaction."""

    engine: Engine
    decisions: Decisions
    seen: dict[bytes, SeenPool] = field(default_factory=dict)

    def look(self) -> Iterator[Wrong]:
        """After a transaction of the house."""
        with self.engine.connect() as connection:
            for row in connection.execute(select(pool)).mappings():
                found = self._read(connection, dict(row))
                yield from self._judged(found)
                self.seen[found.id] = found

    def _read(self, connection: Connection, row: dict[str, object]) -> SeenPool:
        key, kept = row["id"], row["account"]
        balance = select(account.c.balance).where(account.c.id == kept)
        votes = select(pool_vote.c.voter).where(pool_vote.c.pool == key, pool_vote.c.signed != b"")
        moved = select(audit.c.payee, func.sum(audit.c.amount)).where(
            audit.c.act == int(Act.POOL), audit.c.payer == kept
        )
        paid = connection.execute(moved.group_by(audit.c.payee))
        return SeenPool(
            bytes(key),  # type: ignore[call-overload]
            PoolState(int(row["state"])),  # type: ignore[call-overload]
            bytes(row["contract"]),  # type: ignore[call-overload]
            bytes(row["agreement"]),  # type: ignore[call-overload]
            bytes(row["lock"]),  # type: ignore[call-overload]
            int(row["branch"]),  # type: ignore[call-overload]
            int(row["bond_branch"]),  # type: ignore[call-overload]
            bool(row["votes_over"]),
            int(connection.execute(balance).scalar_one_or_none() or 0),
            frozenset(bytes(v) for (v,) in connection.execute(votes)),
            {bytes(to): int(n) for to, n in paid},
        )

    def said(self, seen: SeenPool) -> Decided:
        """What the registry has decided about its decisions."""
        contract, found = seen.read, {}
        commits = {d: commit_id(data) for d, data in contract.decisions.items()}
        commits[Decision.AGREE] = commit_id(seen.agreement)
        if seen.lock:
            commits[Decision.LOCK] = seen.lock
        for decision, commit in commits.items():
            for outcome in Outcome:
                if self.decisions.can_be(outcome, commit, contract.policy):
                    found[decision] = outcome
        return found

    def due(self, seen: SeenPool) -> dict[SaleRole, int]:
        """What it must have paid by now, by the branches that it says it has paid."""
        table, contract = seen.table, seen.read
        due = dict.fromkeys(SaleRole, 0)
        if seen.state is PoolState.OPEN or seen.state is PoolState.VOID:
            return due
        parts = [table.paid(Branch(seen.branch))] if seen.branch else []
        if seen.bond:
            parts.append(table.bond_paid(seen.bond == BondBranch.SLASHED))
        if seen.votes_over:
            for role in (SaleRole.BUYER, SaleRole.SELLER):
                opened = contract.party(role).node in seen.voted
                parts.append({role if opened else SaleRole.AGENT: table.stakes.vote_bond})
        for part in parts:
            for role, amount in part.items():
                due[role] += amount
        return due

    def _judged(self, seen: SeenPool) -> Iterator[Wrong]:
        name, contract = f"pool {seen.id.hex()[:8]}", seen.read
        before, said = self.seen.get(seen.id), self.said(seen)
        if before is not None and before.branch and before.branch != seen.branch:
            yield "POOL", f"{name} paid branch {before.branch}, then {seen.branch}"
        if seen.branch and branch_of(said) is not Branch(seen.branch):
            yield "POOL", f"{name} pays {Branch(seen.branch).name}: {_shown(said)}"
        if seen.bond:
            slashed = said.get(Decision.SLASH) is Outcome.COMMITTED
            if slashed is not (seen.bond == BondBranch.SLASHED) or Decision.SLASH not in said:
                yield "POOL", f"{name} settles the bond: {_shown(said)}"
        if seen.state is PoolState.VOID:
            if seen.left:
                yield "POOL", f"{name} is void and holds {seen.left}"
            return
        due = self.due(seen)
        for role in (SaleRole.BUYER, SaleRole.SELLER, SaleRole.AGENT):
            paid = seen.paid.get(contract.account_of(role), 0)
            if paid != due[role]:
                yield "POOL", f"{name} has paid {paid} to the {role.name.lower()}, not {due[role]}"
        filled = seen.state in (PoolState.FILLED, PoolState.DONE)
        left = seen.table.total - sum(due.values()) if filled else 0
        if seen.left != left:
            yield "POOL", f"{name} holds {seen.left}, not {left}"
        if seen.state is PoolState.DONE and left:
            yield "POOL", f"{name} is done and holds {left}"


def _shown(said: Decided) -> str:
    return ", ".join(f"{d.name} {o.name}" for d, o in sorted(said.items())) or "nothing decided"
