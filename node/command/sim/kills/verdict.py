"""The invariants of protocol section 9, from what all books say together. Pure.

Nothing here asks a core what it thinks of itself: every promise is looked at in the books of both
its ends, every payment against the request that it pays, every certificate against the registry.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from node.command.sim.kills.ledgers import Court, Ledger
from node.core.rows import Direction, IncidentKind, Promise, PromisePhase
from node.core.total import whole_of
from proto.certificate import AbortCertificate, CommitCertificate
from proto.descriptor import decode_descriptor
from proto.fees import FeeSet, price_of_pair
from proto.log_leaf import decision_of
from proto.modes import Loss, Mode, loss_of, mode_of
from proto.statement import Outcome, SignedStatement, Statement

REDEEMED: Final = PromisePhase.REDEEMED


@dataclass(frozen=True, slots=True)
class Breach:
    """A promise of the protocol that was not kept: which one, where, and the figures."""

    rule: str
    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.where}: {self.what}"


@dataclass(frozen=True, slots=True)
class Lost:
    """A node paid and was not paid: `commit` under which, in which mode, how much.

    `allowed`: by section 3's second table. `seen_us`: from when the promise was given to when the
    one that covered it ended.
    """

    node: str
    upstream: str
    mode: Mode
    allowed: Loss
    amount: int
    commit: bytes
    members: tuple[bytes, ...]
    seen_us: tuple[int, int]


class Books:
    """All ledgers, indexed for looking at both ends of everything."""

    def __init__(self, ledgers: Sequence[Ledger], fees: FeeSet) -> None:
        self.ledgers = ledgers
        self.fees = fees
        self.by_node = {ledger.node: ledger for ledger in ledgers}

    def name(self, node: bytes) -> str:
        return self.by_node[node].name if node in self.by_node else node.hex()[:8]

    def given(self) -> Iterator[tuple[Ledger, Promise]]:
        """Every promise in the books of whoever made it."""
        for ledger in self.ledgers:
            for promise in ledger.promises.values():
                if promise.direction is Direction.OUT:
                    yield ledger, promise

    def pairs(self) -> Iterator[tuple[Ledger, Promise, Promise]]:
        """(node, promise held, promise given) of every intermediary."""
        for ledger, given in self.given():
            if given.partner_id:
                held = ledger.promises.get((bytes(given.partner), given.partner_id))
                assert held is not None, f"{ledger.name}: a promise without its partner"
                yield ledger, held, given


def find_breaches(books: Books, courts: Sequence[Court]) -> list[Breach]:
    """Everything that may not be, losses apart: `find_losses` says which are lawful."""
    return [
        *_ends_of_promises(books),
        *_lines(books),
        *_pairs(books),
        *_payments(books),
        *_requests(books),
        *_certificates(books, courts),
        *_incidents(books),
    ]


def _ends_of_promises(books: Books) -> Iterator[Breach]:
    """Invariants 1 and 3: both ends know the same promise, and that it ended the same way."""
    seen = set()
    for ledger, given in books.given():
        where = f"promise {given.id.hex()[:8]} of {ledger.name} to {books.name(given.peer)}"
        if given.pending:
            yield Breach("8 everything ends", where, f"is {given.phase.name}")
        other = books.by_node[given.peer].promises.get((bytes(given.promisor), given.id))
        seen.add((bytes(given.promisor), given.id))
        if other is None:
            if given.phase is REDEEMED:
                yield Breach("1 mirror", where, "is booked, and its holder never had it")
            continue
        for term in ("amount", "level", "commit", "line", "expires_at_us"):
            ours, theirs = getattr(given, term), getattr(other, term)
            if ours != theirs:
                yield Breach("1 mirror", where, f"{term} {ours} here, {theirs} there")
        if (given.phase is REDEEMED) != (other.phase is REDEEMED):
            yield Breach("1 mirror", where, f"{given.phase.name} here, {other.phase.name} there")
    for ledger in books.ledgers:
        for key, held in ledger.promises.items():
            where = f"promise {held.id.hex()[:8]} to {ledger.name}"
            if held.direction is Direction.IN and key not in seen:
                yield Breach("durable", where, "its promisor has forgotten it")
            if held.direction is Direction.IN and held.pending:
                yield Breach("8 everything ends", where, f"is {held.phase.name} at its holder")


def _lines(books: Books) -> Iterator[Breach]:
    """Invariant 1: totals are the sum of what was redeemed, each once, and mirror each other."""
    sums: Counter[str] = Counter()
    paid: Counter[tuple[bytes, bytes, Direction]] = Counter()
    for ledger in books.ledgers:
        for p in ledger.promises.values():
            if p.phase is REDEEMED:
                paid[ledger.node, p.line, p.direction] += p.amount
    for ledger in books.ledgers:
        for line in ledger.lines:
            where = f"{ledger.name} with {books.name(line.peer)}"
            sums[line.brand.name] += line.balance
            for booked, direction in (
                (line.booked_out, Direction.OUT),
                (line.booked_in, Direction.IN),
            ):
                redeemed = paid[ledger.node, line.id, direction]
                if booked != redeemed:
                    what = f"booked {booked} {direction.name}, redeemed {redeemed}"
                    yield Breach("3 booked once", where, what)
            theirs = [x for x in books.by_node[line.peer].lines if x.id == line.id]
            if [x.balance for x in theirs] != [-line.balance]:
                yield Breach("1 mirror", where, f"{line.balance} here, {theirs} there")
    for brand, value in sums.items():
        if value:
            yield Breach("1 zero sum", brand, f"all balances sum to {value}")


def _pairs(books: Books) -> Iterator[Breach]:
    """Invariant 4, and the other side of 5: nobody is paid for what he did not pay."""
    for ledger, held, given in books.pairs():
        where = f"{ledger.name}, {held.level.name} in, {given.level.name} out"
        price = price_of_pair(books.fees, (), incoming=held.level, outgoing=given.level)
        if price is None or held.amount < price.amount_in_ceil(given.amount):
            yield Breach("4 price", where, f"{held.amount} for {given.amount}")
        kept = held.phase is REDEEMED and given.phase is not REDEEMED
        if kept and given.level.late_ok:
            # A holder of BARE or PROXY may come too late; these two never are.
            yield Breach("5 paid on", where, f"was paid, and gave {given.phase.name}")


def _payments(books: Books) -> Iterator[Breach]:
    """Invariants 7 and 8 at the payer: one end, with what it says about the first promises."""
    for ledger in books.ledgers:
        paid: Counter[bytes] = Counter()
        spent: dict[bytes, set[bytes]] = defaultdict(set)
        for p in ledger.promises.values():
            if p.direction is Direction.OUT and p.owner and p.phase is REDEEMED:
                spent[p.owner].add(p.commit)
        for payment in ledger.payments:
            where = f"payment {payment.id.hex()[:8]} of {ledger.name}"
            done = payment.phase.name == "COMMITTED"
            paid[payment.request_hash] += done
            if not payment.phase.final:
                yield Breach("8 everything ends", where, payment.phase.name)
            elif spent[payment.id] != ({payment.commit} if done else set()):
                commits = sorted(c.hex()[:8] for c in spent[payment.id])
                yield Breach("7 paid once", where, f"{payment.phase.name}, debt under {commits}")
        for request_hash, times in paid.items():
            if times > 1:
                where = f"{ledger.name}, request {request_hash.hex()[:8]}"
                yield Breach("7 paid once", where, f"{times} payments have committed")


def _requests(books: Books) -> Iterator[Breach]:
    """Invariant 7 at the payee, and both ends of every attempt: the debt began at its payer."""
    lossy = {lost.commit for lost in find_losses(books)}
    gained = {held.commit for _, held, given in books.pairs()
              if held.phase is REDEEMED and given.phase is not REDEEMED}  # fmt: skip
    spent = {
        p.commit: ledger.name for ledger, p in books.given() if p.phase is REDEEMED and p.owner
    }
    received: dict[bytes, str] = {}
    for ledger in books.ledgers:
        income: dict[bytes, Counter[bytes]] = defaultdict(Counter)
        for p in ledger.promises.values():
            if p.direction is Direction.IN and p.owner and p.phase is REDEEMED:
                income[p.owner][p.commit] += p.amount
                received[p.commit] = ledger.name
        for request in ledger.requests.values():
            where = f"request {request.id.hex()[:8]} of {ledger.name}"
            got = income[request.id]
            if len(got) > 1:
                yield Breach("7 paid once", where, f"paid by {len(got)} attempts")
            if (request.phase.name == "PAID") != bool(got):
                yield Breach("3 booked once", where, f"{request.phase.name}, got {dict(got)}")
            if sum(got.values()) not in (0, whole_of(request)) and not lossy & set(got):
                total = sum(got.values())
                yield Breach("whole", where, f"{total} of {whole_of(request)}")
    for commit in sorted(spent.keys() ^ received.keys()):
        if commit not in lossy | gained:
            payer, payee = spent.get(commit, "nobody"), received.get(commit, "nobody")
            yield Breach("both ends", commit.hex()[:8], f"{payer} has paid, {payee} is paid")


def _certificates(books: Books, courts: Sequence[Court]) -> Iterator[Breach]:
    """One outcome for each id, everywhere, and the registry still knows what it signed."""
    by_registry = {court.registry: court for court in courts}
    outcomes: dict[bytes, set[Outcome]] = defaultdict(set)
    for ledger in books.ledgers:
        for transaction in ledger.transactions.values():
            for data in _statements(transaction.commit_certificate, transaction.abort_certificate):
                statement = Statement.decode(data.statement)
                outcomes[transaction.commit].add(decision_of(statement).outcome)
                court = by_registry[statement.registry]
                if court.leaves.get(transaction.commit) != statement.leaf:
                    what = f"{ledger.name} holds a statement that its store does not know"
                    yield Breach("registry durable", court.name, what)
    for commit, said in outcomes.items():
        if len(said) > 1:
            yield Breach("registry", commit.hex()[:8], "signed both ways")
    for court in courts:
        twice = [c for c, times in Counter(court.logged).items() if times > 1]
        if twice or set(court.logged) != set(court.leaves):
            what = f"{len(court.leaves)} decisions, {len(court.logged)} in the log"
            yield Breach("registry log", court.name, what)


def _statements(commit: bytes, abort: bytes) -> Iterable[SignedStatement]:
    if commit:
        yield from CommitCertificate.decode(commit).statements
    if abort:
        yield from AbortCertificate.decode(abort).statements


def _incidents(books: Books) -> Iterator[Breach]:
    """Among honest nodes there is one kind: a loss, and each has its entry."""
    lost = {(x.node, x.commit) for x in find_losses(books)}
    told = set()
    for ledger in books.ledgers:
        for incident in ledger.incidents:
            where = f"{ledger.name} with {books.name(incident.peer)}"
            if incident.kind is not IncidentKind.LOSS:
                yield Breach("honest", where, f"{incident.kind.name}: {incident.detail}")
                continue
            told |= {
                (ledger.name, p.commit)
                for p in ledger.promises.values()
                if bytes(p.promisor)[:16] + p.id == incident.subject
            }
    for node, commit in sorted(lost - told):
        yield Breach("6 told", node, f"lost under {commit.hex()[:8]}, and its owner is not told")


def find_losses(books: Books) -> list[Lost]:
    """Every pair of which the promise given was redeemed and the one held was not."""
    found = []
    for ledger, held, given in books.pairs():
        if given.phase is not REDEEMED or held.phase is REDEEMED:
            continue
        mode, allowed = mode_of(held.level, given.level), loss_of(held.level, given.level)
        assert mode is not None and allowed is not None
        descriptor = decode_descriptor(ledger.transactions[given.commit].descriptor)
        found.append(
            Lost(
                ledger.name,
                books.name(held.peer),
                mode,
                allowed,
                given.amount,
                given.commit,
                tuple(descriptor.policy.members),
                (given.made_at_us, held.ended_at_us),
            )
        )
    return found


def excused(
    lost: Lost, down: Mapping[str, Sequence[tuple[int, int]]], registries: Mapping[bytes, str]
) -> bool:
    """Whether section 3 allows this loss: who had to be reached was away, or the node itself.

    `down`: name -> from when to when (µs) it was away, its way back to its neighbours included.
    """

    def away(*names: str) -> bool:
        first, last = lost.seen_us
        spans = [span for name in names for span in down.get(name, ())]
        return any(begin <= last and end >= first for begin, end in spans)

    not_u = away(lost.node, lost.upstream)
    not_r = away(lost.node, *(registries[m] for m in lost.members))
    match lost.allowed:
        case Loss.NOTHING:
            return False
        case Loss.NOT_U:
            return not_u
        case Loss.NOT_R:
            return not_r
        case Loss.NOT_U_AND_NOT_R:
            return not_u and not_r
        case Loss.LATE_LEAK:
            return not_u or not_r
