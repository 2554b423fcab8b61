"""A node whose engine lies: its core decides as an honest one does, and then says something else.

What it says is signed, numbered, kept and repeated like the truth. Where a neighbour ends the link
over a lie, the lie is taken back and the stream goes on: a cheat wants to stay in business.
"""

from dataclasses import replace
from functools import partial
from typing import Any

from node.command.sim.lying.liar import Liar, Said
from node.command.sim.lying.words import Scene, Word, bend
from node.command.sim.plan import Fault
from node.command.sim.world.agenda import Agenda
from node.core.apply import Applied
from node.core.effects import AskRegistries, PeerFault
from node.core.events import Event, FromPeer, StartAttempt
from node.core.payee import committer_key
from node.core.rows import (
    Ask,
    Payment,
    PaymentPhase,
    Request,
    RequestPhase,
    Row,
    Transaction,
)
from node.engine import Engine
from node.group import Group, Worked
from node.registries import Registries
from node.wired import WiredNode
from proto.commit import Commit, Evidence, sign_share
from proto.descriptor import commit_id
from proto.envelope import Envelope, sign
from proto.keys import NodeId
from proto.limits import US
from proto.messages import MESSAGE_KIND, Abandon, Claim, Promise, Release, encode
from proto.onion import Deliver
from proto.reason import Reason, Refusal
from runtime.transport import LinkCause, LinkDown
from runtime.writer import Writer

NEVER = 0.3  # of its deliveries a payee takes and says nothing
RETRIES_AFTER_US = (US // 10, 2 * US, 8 * US)  # while the attempt before is still live
# So late a commit is brought to the registry: in time, just in time, too late, and after the end.
ASKS_AFTER_US = (2 * US, 9 * US, 11 * US, 16 * US)


class LyingEngine(Engine):
    """See `node.engine.Engine`."""

    def __init__(self, liar: Liar, agenda: Agenda, *rest: Any) -> None:
        super().__init__(*rest)
        self._liar = liar
        self._agenda = agenda

    # ------------------------------------------------------------------ what it decides

    def _apply(self, event: Event, group: Group) -> Applied:
        liar = self._liar
        if isinstance(event, FromPeer):
            liar.hears(event)
            if liar.lies and self._ignores(event):
                return Applied((), ())
        sends, asks = len(group.sends), len(group.asks)
        try:
            applied = super()._apply(event, group)
        except AssertionError:
            return Applied((), ())  # it trips over its own lies; nothing was changed yet
        said, group.sends[sends:] = group.sends[sends:], []
        scene = Scene(liar, self.memory, event.now_us, liar.dice(Fault.LIE_ORDER))
        for one in said:
            liar.remembers(one)
            for word in bend(scene, one):
                self._say(word, one, group)
        self._hold_asks(event.now_us, group, asks)
        if liar.lies:
            self._do(event, group)
        # It forgives what it brought about itself.
        kept = tuple(e for e in applied.effects if not isinstance(e, PeerFault))
        return Applied(applied.changes, kept)

    def _ignores(self, event: FromPeer) -> bool:
        match event:
            case FromPeer(body=Abandon() | Release() | Claim()):
                return self._liar.tells(Fault.LIE_SILENCE)
            case FromPeer(body=Promise(), opened=(Deliver(), _)):
                return self._says_nothing()
            case _:
                return False

    def _says_nothing(self) -> bool:
        lie = Fault.LIE_PAYEE
        lies = self._liar.lies.get(lie, 0) > 0
        return lies and self._liar.dice(lie).random() < NEVER and self._liar.tells(lie)

    def _say(self, word: Word, instead_of: Said, group: Group) -> None:
        if word.after_us:
            self._agenda.after(word.after_us, lambda: self._say_later(word.said))
        elif word.said == instead_of:
            group.sends.append(word.said)
        else:
            self._lie(word.said, group)

    def _say_later(self, said: Said) -> None:
        if said[0] in self.links.neighbours:
            self._put(Worked(lambda group: self._lie(said, group), lambda _: None))

    def _hold_asks(self, now_us: int, group: Group, already: int) -> None:
        """A commit need not come to the registry before it must. The core asks again by itself."""
        fresh, group.asks[already:] = group.asks[already:], []
        held = self._liar.held_until_us
        for ask in fresh:
            new = ask.ask is Ask.SUBMIT and ask.commit not in held
            if new and self._liar.tells(Fault.LIE_LATE):
                held[ask.commit] = now_us + self._liar.dice(Fault.LIE_LATE).choice(ASKS_AFTER_US)
            if ask.ask is not Ask.SUBMIT or held.setdefault(ask.commit, 0) <= now_us:
                group.asks.append(ask)

    # ------------------------------------------------------------------ what it does of itself

    def _do(self, event: Event, group: Group) -> None:
        match event:
            case FromPeer(body=Promise() as promise, opened=(Deliver() as deliver, _)):
                self._sign_at_once(event.peer, promise, deliver, group)
            case FromPeer(body=Abandon() as abandon) if self._liar.tells(Fault.LIE_PAYEE):
                # Given up, so that the payer tries again; signed, so that it may be paid for both.
                why = Refusal(Reason.ABANDONED)
                self._lie((event.peer, Release(abandon.promise, why)), group)
            case StartAttempt() if self._liar.tells(Fault.LIE_PAYER):
                after_us = self._liar.dice(Fault.LIE_PAYER).choice(RETRIES_AFTER_US)
                self._agenda.after(after_us, lambda: self._retry(event.payment))
            case _:
                pass

    def _sign_at_once(self, peer: NodeId, promise: Promise, deliver: Deliver, group: Group) -> None:
        """Whatever has come so far, and whatever was signed before."""
        request = self.memory.row((Request.table, deliver.request_id, b""))
        if not isinstance(request, Request) or not self._liar.tells(Fault.LIE_PAYEE):
            return
        share = sign_share(committer_key(request.seed), commit_id(promise.descriptor))
        commit = Commit(promise.descriptor, Evidence((share,)).encode())
        known = self.memory.row((Transaction.table, commit.commit_id, b""))
        if isinstance(known, Transaction):
            self._tamper(replace(known, commit_evidence=commit.evidence), group)
            group.asks.append(AskRegistries(known.commit, Ask.SUBMIT))
        self._lie((peer, Claim(promise.promise, commit)), group)
        # It has never heard of this attempt, and takes the next one.
        self._tamper(replace(request, commit=b"", phase=RequestPhase.OPEN), group)

    def _lie(self, said: Said, group: Group) -> None:
        self._liar.bent[said[0], encode(self._key.node_id, *said)] = None
        group.sends.append(said)

    def _retry(self, payment: bytes) -> None:
        """As if every promise of the attempt had ended."""

        def act(group: Group) -> None:
            row = self.memory.row((Payment.table, payment, b""))
            if isinstance(row, Payment) and row.phase is PaymentPhase.PROMISED:
                why = Refusal(Reason.REFUSED_AHEAD)
                self._tamper(replace(row, phase=PaymentPhase.ROUTING, because=why), group)

        self._put(Worked(act, lambda _: None))

    def _tamper(self, row: Row, group: Group) -> None:
        self.memory.put(row)
        group.rows[row.key] = row
        self._timers.plan(row)

    # ------------------------------------------------------------------ how it stays linked

    def _take(self, item: Any, group: Group) -> None:
        if isinstance(item, LinkDown) and item.cause is LinkCause.CLOSED_BY_PEER:
            self._take_back(item.peer)
        super()._take(item, group)

    def _take_back(self, peer: NodeId) -> None:
        """What ended the link is said no more: another message has its number."""
        neighbour = self.links.neighbours.get(peer)
        if neighbour is None:
            return
        harmless = encode(self._key.node_id, peer, Abandon(bytes(16)))
        instead = Envelope(MESSAGE_KIND, harmless, sign(self._key, MESSAGE_KIND, harmless)).encode()
        for at, data in enumerate(neighbour.outbox):
            if (peer, Envelope.decode_unverified(data).payload) in self._liar.bent:
                neighbour.outbox[at] = instead


class LyingNode(WiredNode):
    """See `node.wired.WiredNode`."""

    def __init__(self, liar: Liar, agenda: Agenda, *rest: Any) -> None:
        super().__init__(*rest)
        self._liar = liar
        self._agenda = agenda

    def _make_engine(self, writer: Writer, registries: Registries) -> Engine:
        lying = partial(LyingEngine, self._liar, self._agenda)
        return self._engine_from(lying, writer, registries)

    def positions(self, node: NodeId) -> tuple[int, int]:
        """As `WiredNode.positions`, or another pair of numbers."""
        have, sent = super().positions(node)
        if not self._liar.tells(Fault.LIE_NUMBERS):
            return have, sent
        offs = ((-1, 0), (1, 0), (0, -1), (0, 1), (-have, -sent), (0, 9))
        off = self._liar.dice(Fault.LIE_NUMBERS).choice(offs)
        return max(0, have + off[0]), max(0, sent + off[1])
