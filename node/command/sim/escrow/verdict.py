"""What exchanges must come to: escrow section 1 over the books of registrars and of credit lines.

K2 is judged by what has really left and really arrived, against what the case says that a seat
gives and wants; no row about the exchange itself is believed.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from node.command.sim.escrow.cases import MONEY
from node.command.sim.escrow.plan import Deal, Manner
from node.command.sim.escrow.setting import STOCK, Setting, template_of
from node.command.sim.escrow.titles import Titles, Wrong
from node.command.sim.escrow.world import ExchangeWorld
from node.command.sim.oracle.oracle import Oracle
from node.core.escrow.reading import money_id
from node.core.escrow.rows import Deal as DealRow
from node.core.escrow.rows import Letter, Seat, seat_id
from node.core.rows import (
    Direction,
    Incident,
    IncidentKind,
    Promise,
    PromisePhase,
    Row,
    Transaction,
)
from node.registrar.rows import account_id
from proto.certificate import AbortCertificate, Certificate, CommitCertificate
from proto.escrow.batch import read_asked, read_reply
from proto.escrow.ops import LegPhase, Settle
from proto.escrow.proposal import read_proposal
from proto.keys import NodeId
from proto.limits import US
from proto.wire import WireFault

ROUTE_FEES = 12  # at most, of a payment over three hubs at the village's prices
SHOWN = 20  # a broken promise breaks others: nobody reads more


@dataclass(frozen=True, slots=True)
class Breach:
    """What did not hold. `promise`: K1 to K5 of escrow section 1, END where something does not
    end, Pn of protocol section 9."""

    promise: str
    at_us: int
    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.promise} {self.at_us / US:9.3f} s  {self.where} {self.what}"


@dataclass
class Verdict:
    """`honest`: whose losses count."""

    world: ExchangeWorld
    deals: tuple[Deal, ...]
    oracle: Oracle
    titles: Titles
    honest: frozenset[str]
    setting: Setting = field(default_factory=Setting)
    breaches: list[Breach] = field(default_factory=list)
    proposals: dict[str, dict[bytes, None]] = field(default_factory=dict)  # ids, by case
    losses: dict[str, dict[str, None]] = field(default_factory=dict)  # who has lost, by case

    def complain(self, at_us: int, where: str, wrongs: Iterable[Wrong]) -> None:
        for promise, what in wrongs:
            if len(self.breaches) < SHOWN:
                self.breaches.append(Breach(promise, at_us, where, what))

    # ------------------------------------------------------------------ as it happens

    def committed(self, name: str, rows: Iterable[Row]) -> Iterator[Wrong]:
        """Rows of an honest node have become durable."""
        for row in rows:
            if isinstance(row, Incident) and row.kind is IncidentKind.UNSETTLED:
                yield "K4", row.detail
            if not isinstance(row, Seat):
                continue
            case = read_proposal(row.proposal)
            named = next((d for d in self.deals if _is_of(case.template, d)), None)
            if named is not None:
                self.proposals.setdefault(named.case, {})[row.deal] = None
                if row.share and not row.phase.final:
                    yield from self._signed(name, row, named)

    def _signed(self, name: str, seat: Seat, deal: Deal) -> Iterator[Wrong]:
        """Who signs has been promised everything that he wants, under just this commit_id."""
        for no in deal.what.wants(seat.seat):
            leg = deal.what.legs[no - 1]
            if leg.kind == MONEY:
                if leg.taker == seat.seat and not self._covered(name, seat, no, leg.amount):
                    yield "K2", f"{seat.seat} signs {deal.case} and leg {no} is not promised"
                continue
            seen = self.titles.legs.get((deal.keepers[no - 1], seat.commit, no))
            found = seen is not None and seen.phase is not LegPhase.FENCED
            if (
                not found
                or seen is None
                or (seen.brand, seen.amount, seen.receiver)
                != (
                    self.setting.brands[deal.number, no],
                    leg.amount,
                    account_id(seen.brand, self.world.people[deal.seat(leg.taker)].id),
                )
            ):
                yield "K2", f"{seat.seat} signs {deal.case} and leg {no} is not promised"

    def _covered(self, name: str, seat: Seat, no: int, amount: int) -> bool:
        owner = money_id(seat.id, no)
        promises = self.oracle.books[name].promises_under(seat.commit)
        return amount <= sum(
            p.amount
            for p in promises
            if p.owner == owner and (p.pending or p.phase is PromisePhase.REDEEMED)
        )

    def heard(self, asker: str, asked: str, method: str, said: bytes, answer: bytes) -> Iterator[
        Wrong
    ]:  # fmt: skip
        """A registrar has answered: a certificate that an honest node shows is not refused."""
        if not method.endswith("/Batch") or asker not in self.honest:
            return
        try:
            _, batch = read_asked(said)
            reply = read_reply(answer, batch)
        except WireFault as fault:
            yield "K4", f"{asked} answers badly: {fault}"
            return
        settles = any(isinstance(op, Settle) for op in getattr(batch, "ops", ()))
        if settles and reply.refusal is not None:
            yield "K4", f"{asked} refuses a settlement: {reply.refusal.error.name}"

    # ------------------------------------------------------------------ at the end

    def quiet(self) -> bool:
        """Whether nothing of an honest node is under way any more."""
        return not any(True for _ in self.under_way())

    def under_way(self) -> Iterator[tuple[str, Wrong]]:
        """What of the honest has not come to its end."""
        for name in sorted(self.honest):
            for row in self.world.rows(name).values():
                match row:
                    case Seat() if not row.phase.final or row.waiting:
                        yield name, ("END", f"{row.seat} is {row.phase.name}, {row.waiting} waited")
                    case DealRow() if not row.phase.final:
                        yield name, ("END", f"a deal is {row.phase.name}, {row.waiting} waited for")
                    case Letter(answered=False):
                        yield name, ("END", f"a {row.kind.name} {row.step.name} is unanswered")
                    case _:
                        pass
        for keeper in self.titles.engines:
            for owner, guid, what in self.titles.rest(keeper):
                name = self.world.names.get(NodeId(owner), "")
                if name in self.honest and not self._spent(name, guid, what):
                    yield keeper, ("END", f"{name}: {what} (brand {guid.hex()[:8]})")

    def _spent(self, name: str, guid: bytes, what: str) -> bool:
        """Whether its owner has put it there himself."""
        return "hold" in what and any(
            Manner.BROKE in deal.manners and name in deal.people and guid in self._brands(deal)
            for deal in self.deals
        )

    def _brands(self, deal: Deal) -> list[bytes]:
        return [guid for (n, _), guid in self.setting.brands.items() if n == deal.number]

    def certificates(self) -> list[Certificate]:
        """How everything ended of which an honest node knows, each once."""
        found: dict[bytes, Certificate] = {}
        for name in sorted(self.honest):
            for row in self.world.rows(name).values():
                if isinstance(row, Transaction) and row.commit_certificate:
                    found[row.commit] = CommitCertificate.decode(row.commit_certificate)
                elif isinstance(row, Transaction) and row.abort_certificate:
                    found.setdefault(row.commit, AbortCertificate.decode(row.abort_certificate))
        return [found[commit] for commit in sorted(found)]

    def judge(self) -> Iterator[tuple[str, Wrong]]:
        """K2 for every honest seat."""
        for deal in self.deals:
            for seat in deal.what.seats:
                if (name := deal.seat(seat)) not in self.honest:
                    continue
                gone = [no for no in deal.what.gives(seat) if self._gone(deal, no)]
                missing = [no for no in deal.what.wants(seat) if not self._arrived(deal, no)]
                if gone and missing:
                    self.losses.setdefault(deal.case, {})[name] = None
                    yield name, ("K2", f"{deal.case}: gave {gone} and lacks {missing}")
                for no in gone:
                    yield from ((name, wrong) for wrong in self._dearer(deal, no))
        for name in sorted(self.honest):
            yield from ((name, wrong) for wrong in self._paid_for_nothing(name))

    def arrived(self, deal: Deal) -> bool:
        """Whether all of it has come about."""
        return all(self._arrived(deal, no) for no in range(1, len(deal.what.legs) + 1))

    def _gone(self, deal: Deal, no: int) -> bool:
        leg = deal.what.legs[no - 1]
        if leg.kind == MONEY:
            return self._money(deal, leg.giver, no, Direction.OUT) > 0
        return self._has(deal, no, leg.giver) + self._set_aside(deal, no) < self._stock(deal, no)

    def _dearer(self, deal: Deal, no: int) -> Iterator[Wrong]:
        """More has gone than was agreed."""
        leg = deal.what.legs[no - 1]
        if leg.kind == MONEY:
            paid = self._money(deal, leg.giver, no, Direction.OUT)
            proposals = len(self.proposals.get(deal.case, ())) or 1
            if paid > (leg.amount + ROUTE_FEES) * proposals:
                yield "K2", f"{deal.case}: paid {paid} for leg {no} of {leg.amount}"
            return
        went = self._stock(deal, no) - self._has(deal, no, leg.giver) - self._set_aside(deal, no)
        if went > leg.amount:
            yield "K2", f"{deal.case}: {went} of leg {no} are gone, {leg.amount} were agreed"

    def _arrived(self, deal: Deal, no: int) -> bool:
        leg = deal.what.legs[no - 1]
        if leg.kind == MONEY:
            return self._money(deal, leg.taker, no, Direction.IN) >= leg.amount
        return self._has(deal, no, leg.taker) >= leg.amount - leg.flat

    def _has(self, deal: Deal, no: int, seat: str) -> int:
        guid = self.setting.brands[deal.number, no]
        key = account_id(guid, self.world.people[deal.seat(seat)].id)
        owned = self.titles.owned(deal.keepers[no - 1], key)
        if deal.seat(seat) in self.honest:
            return owned
        return owned + self.titles.held(deal.keepers[no - 1], key)  # it hides what it has

    def _stock(self, deal: Deal, no: int) -> int:
        leg = deal.what.legs[no - 1]
        return leg.amount if leg.amount == 1 else STOCK * leg.amount

    def _set_aside(self, deal: Deal, no: int) -> int:
        """What its giver has put into holds of his own, or is stuck there: that is complained of
        by itself, as something that does not end."""
        leg = deal.what.legs[no - 1]
        guid = self.setting.brands[deal.number, no]
        key = account_id(guid, self.world.people[deal.seat(leg.giver)].id)
        return self.titles.held(deal.keepers[no - 1], key)

    def _money(self, deal: Deal, seat: str, no: int, direction: Direction) -> int:
        """What was booked for a leg, at its payer or its payee; of a dishonest payee at whoever
        paid it last."""
        name, total = deal.seat(seat), 0
        for proposal in self.proposals.get(deal.case, ()):
            owner = money_id(seat_id(proposal, seat), no)
            if name in self.honest or direction is Direction.OUT:
                found = [p for p in self.oracle.books[name].promises() if p.owner == owner]
                total += _redeemed(p for p in found if p.direction is direction)
                continue
            for commit in self._commits(proposal):
                total += self._paid_to(name, commit)
        return total

    def _commits(self, proposal: bytes) -> list[bytes]:
        found = {
            row.commit: None
            for name in sorted(self.honest)
            for row in self.oracle.books[name].rows.values()
            if isinstance(row, Seat) and row.deal == proposal and row.commit
        }
        return list(found)

    def _paid_to(self, name: str, commit: bytes) -> int:
        peer = self.world.people[name].id
        given = [
            p
            for honest in sorted(self.honest)
            for p in self.oracle.books[honest].promises_under(commit)
            if p.direction is Direction.OUT and p.peer == peer
        ]
        return _redeemed(given)

    def _paid_for_nothing(self, name: str) -> Iterator[Wrong]:
        """Nobody pays outside of what he has a seat in."""
        known = {
            money_id(seat_id(proposal, seat), no)
            for deal in self.deals
            for proposal in self.proposals.get(deal.case, ())
            for seat in deal.what.seats
            if deal.seat(seat) == name
            for no in range(1, len(deal.what.legs) + 1)
        }
        for p in self.oracle.books[name].promises():
            first = p.direction is Direction.OUT and not p.partner_id
            if first and p.phase is PromisePhase.REDEEMED and p.owner not in known:
                yield "K2", f"pays {p.amount} for nothing that it has a seat in"


def _redeemed(promises: Iterable[Promise]) -> int:
    return sum(p.amount for p in promises if p.phase is PromisePhase.REDEEMED)


def _is_of(template: bytes, deal: Deal) -> bool:
    return template == template_of(deal)
