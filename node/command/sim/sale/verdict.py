"""What sales must come to: escrow section 8 over the books of the house and the registry's words.

Losses are judged by what has really left an account and really come back; rows of a sale are looked
at only for what its owner would be bound to by his own signature.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from sqlalchemy import func, select

from node.command.sim.escrow.titles import Titles, Wrong
from node.command.sim.escrow.verdict import SHOWN, Breach
from node.command.sim.oracle.decisions import Decisions
from node.command.sim.sale.bounds import Bounds, bound
from node.command.sim.sale.plan import HOUSE, NAMES, Conduct, Course
from node.command.sim.sale.pools import Pools, SeenPool
from node.command.sim.sale.secrecy import Secrecy
from node.command.sim.sale.setting import OneSale, Setting
from node.command.sim.sale.signing import signed_badly
from node.command.sim.sale.table import Decided, branch_of
from node.command.sim.sale.world import SaleWorld
from node.command.sim.world.clock import elapsed_us
from node.core.escrow.rows import Letter
from node.core.rows import Row
from node.core.sale.reading import sale_of
from node.core.sale.rows import Sale
from node.registrar.pool_rows import PoolState
from node.registrar.tables import account, hold, leg, pool_vote, rating
from proto.escrow.ops import LegPhase
from proto.sale.stakes import STAKERS, Decision, SaleRole
from proto.sale.votes import rating_head, read_rating, read_vote
from proto.statement import Outcome
from registry.log import Logged


@dataclass(frozen=True, slots=True)
class Ended:
    """How one sale ended: the word of its branch, and whether the agent's bond was slashed."""

    ended: str
    slashed: bool = False


@dataclass
class Verdict:
    """Hears of everything; complains of what does not hold."""

    world: SaleWorld
    course: Course
    setting: Setting
    decisions: Decisions = field(default_factory=Decisions)
    breaches: list[Breach] = field(default_factory=list)

    def __post_init__(self) -> None:
        database = self.world.people[HOUSE].titles
        assert database is not None
        self.database = database
        self.titles = Titles({HOUSE: database}, self.decisions)
        self.pools = Pools(database, self.decisions)
        self.secrecy = Secrecy(self.decisions)
        conducts = {NAMES[p.role]: p.conduct for p in self.course.parties}
        self.honest = frozenset(n for n, how in conducts.items() if how is Conduct.HONEST)
        self.straight = frozenset(n for n, how in conducts.items() if how is not Conduct.CROOKED)
        """Whoever does not cheat: the honest and the silent."""

    def complain(self, where: str, wrongs: Iterable[Wrong]) -> None:
        for promise, what in wrongs:
            if len(self.breaches) < SHOWN:
                self.breaches.append(Breach(promise, elapsed_us(), where, what))

    # ------------------------------------------------------------------ as it happens

    def committed(self, name: str, rows: Sequence[Row]) -> None:
        """Rows of a node have become durable."""
        for row in rows:
            if not isinstance(row, Sale):
                continue
            self.secrecy.committed(name, row)
            sale = next((one for one in self.setting.sales if one.id == row.id), None)
            if name in self.straight and sale is not None:
                self.complain(name, signed_badly(self, name, row, sale))

    def wrote(self, keeper: str) -> None:
        """The house has written."""
        self.complain(keeper, self.titles.look(keeper))
        self.complain(keeper, self.pools.look())

    def decided(self, name: str, decisions: Sequence[Logged]) -> None:
        """A registry has decided."""
        found = self.decisions.made(self.world.registries[name].id, decisions)
        self.complain(name, [("REGISTRY", what) for what in found])

    def said(self, asker: str, asked: str, said: bytes) -> None:
        """Words have set out."""
        self.secrecy.said(f"{asker} to {asked}", said)

    def shown(self, asker: str, registry: str, request: bytes) -> None:
        """A question has reached a registry."""
        del asker, registry
        self.secrecy.shown(request)

    def told(self, registry: str, asker: str, answer: bytes) -> None:
        """A registry's answer has come."""
        self.secrecy.said(f"{registry} to {asker}", answer)

    # ------------------------------------------------------------------ what stands there

    def row(self, name: str, sale: OneSale) -> Sale | None:
        """The sale at a party; None where its node is down, or knows of none."""
        host = self.world.people[name]
        return None if host.process is None else sale_of(host.context.engine.memory, sale.id)

    def pools_of(self, sale: OneSale) -> list[SeenPool]:
        """Its pools at the house; more than one only where its buyer cheats."""
        return [seen for seen in self.pools.seen.values() if seen.read.sale == sale.id]

    def filled(self, sale: OneSale) -> SeenPool | None:
        """The pool into which its stakes came."""
        filled = (PoolState.FILLED, PoolState.DONE)
        return next((seen for seen in self.pools_of(sale) if seen.state in filled), None)

    def said_of(self, sale: OneSale) -> Decided:
        """What the registry has decided about it."""
        seen = self.filled(sale)
        return {} if seen is None else self.pools.said(seen)

    def has(self, name: str) -> int:
        """All units of somebody at the house: at hand, in holds, and on their way."""
        key = self.setting.account(self.world, name)
        prepared = leg.c.phase == int(LegPhase.PREPARED)
        with self.database.connect() as connection:
            parts = (
                select(account.c.balance).where(account.c.id == key),
                select(func.sum(hold.c.amount)).where(hold.c.account == key),
                select(func.sum(leg.c.amount)).where(leg.c.source == key, prepared),
            )
            return sum(int(connection.execute(part).scalar() or 0) for part in parts)

    # ------------------------------------------------------------------ at the end

    def quiet(self, *, every: bool = False) -> bool:
        """Whether nothing is under way any more; `every`: of the silent either."""
        return not any(True for _ in self._under_way(self.straight if every else self.honest))

    def _under_way(self, names: frozenset[str]) -> Iterator[tuple[str, Wrong]]:
        for name in sorted(names):
            host = self.world.people[name]
            if host.process is None:
                yield name, ("END", "is down")
                continue
            for row in host.context.engine.memory.rows.values():
                if isinstance(row, Sale) and not row.phase.final:
                    yield name, ("END", f"a sale is {row.phase.name}")
                elif isinstance(row, Letter) and not row.answered and self._is_heard(row):
                    yield name, ("END", f"a {row.kind.name} {row.step.name} is unanswered")
        for seen in self.pools.seen.values():
            if seen.state in (PoolState.OPEN, PoolState.FILLED):
                yield HOUSE, ("END", f"pool {seen.id.hex()[:8]} is {seen.state.name}")
        for owner, _, what in self.titles.rest(HOUSE):
            if self.world.names.get(owner, "") in names:  # type: ignore[call-overload]
                yield HOUSE, ("END", f"{self.world.names[owner]}: {what}")  # type: ignore[index]

    def _is_heard(self, row: Letter) -> bool:
        """Whether its receiver listens: a crook may not, and who is silent does not."""
        return self.world.names[row.receiver] in (*self.honest, HOUSE)

    def judge(self) -> None:
        """All has healed, and whoever is silent still is."""
        for where, wrong in self._under_way(self.honest):
            self.complain(where, [wrong])
        for where, wrong in self.secrecy.judge(self.straight, not self.course.faults):
            self.complain(where, [wrong])
        for role in STAKERS:
            self.complain(NAMES[role], self._balanced(role))
        self.complain(HOUSE, self._ratings())
        for sale in self.setting.sales:
            facts = Bounds.of(self, sale)
            for role in (*STAKERS,):
                if NAMES[role] in self.honest:
                    self.complain(NAMES[role], bound(facts, role))

    def judge_returned(self) -> None:
        """Whoever was silent has come back, and has had time: it is over for him, too."""
        for where, wrong in self._under_way(self.straight):
            self.complain(where, [wrong])
        for role in STAKERS:
            self.complain(NAMES[role], self._balanced(role))
        for name in sorted(self.straight):
            host = self.world.people[name]
            if host.process is not None and (problem := host.differs()):
                self.complain(name, [("STORE", problem)])

    def _balanced(self, role: SaleRole) -> Iterator[Wrong]:
        """Everybody has what he had, less his stakes, and what the table gives him."""
        should = self.setting.funds[NAMES[role]]
        for sale in self.setting.sales:
            seen = self.filled(sale)
            if seen is not None:
                should += self.pools.due(seen)[role] - seen.table.stake(role)
        has = self.has(NAMES[role])
        if has != should:
            yield "SUM", f"has {has} units, and should have {should}"

    def _ratings(self) -> Iterator[Wrong]:
        """The agent's list: one entry for each sale that ended, each chained to the one before."""
        head, count = b"", 0
        with self.database.connect() as connection:
            rows = list(connection.execute(select(rating).order_by(rating.c.sequence)).mappings())
        for row in rows:
            entry = read_rating(bytes(row["signed"]))
            count += 1
            if (entry.sequence, entry.previous) != (count, head):
                yield "VOTE", f"rating {entry.sequence} does not follow the one before"
            head = rating_head(entry)
            for vote in entry.votes:
                yield from self._sealed(vote)
        over = sum(seen.votes_over for seen in self.pools.seen.values())
        if count != over:
            yield "VOTE", f"{over} sales have ended, and {count} are rated"

    def _sealed(self, signed: bytes) -> Iterator[Wrong]:
        """A vote that counts is just the one that its voter had sealed."""
        vote = read_vote(signed)
        with self.database.connect() as connection:
            sealed = connection.execute(
                select(pool_vote.c.hash).where(
                    pool_vote.c.pool == vote.pool, pool_vote.c.voter == vote.voter
                )
            ).scalar_one_or_none()
        if sealed is None or bytes(sealed) != sha256(vote.encode()).digest():
            yield "VOTE", f"{self.world.names[vote.voter]}'s vote is not what was sealed"

    def outcome(self, sale: OneSale) -> Ended:
        """How it ended, in a word."""
        seen = self.filled(sale)
        if seen is None:
            row = self.row(NAMES[SaleRole.BUYER], sale)
            return Ended("nothing" if row is None else row.phase.name.lower())
        said = self.pools.said(seen)
        branch = branch_of(said)
        ended = "locked" if branch is None else branch.name.lower().replace("_", " ")
        return Ended(ended, said.get(Decision.SLASH) is Outcome.COMMITTED)
