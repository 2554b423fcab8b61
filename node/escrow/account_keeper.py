"""Accounts of ours at registrars: opened, and looked into. One for the owner, one for each person.

Their capabilities are made from the node's own key, so that who asks again after a crash asks for
the same ones, and a registrar gives the same account for them. What goes wrong is a ControlFailure:
who is at fault, and the next step.
"""

from collections.abc import Awaitable
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b
from types import MappingProxyType
from typing import Final, TypeVar

from node.core.escrow.events import KeepRow
from node.core.escrow.reading import registrar_card
from node.core.escrow.rows import Account, KnownRight
from node.engine import Engine
from node.escrow.faults import told
from node.escrow.ways import Ways
from proto.card import NodeCard, read_card
from proto.escrow.batch import (
    BATCH_ID_BYTES,
    LABEL_BYTES,
    Asked,
    BatchReply,
    OpBatch,
    OpenAccount,
    read_reply,
    sign_asked,
)
from proto.escrow.legs import Leg
from proto.escrow.ops import Look
from proto.escrow.proposal import Proposal
from proto.escrow.rights import Right, read_right
from proto.wire import WireFault
from runtime.clock import Clock
from runtime.control import ControlFailure
from runtime.identity import Entropy, Identity
from runtime.rpc_client import RpcError

T = TypeVar("T")
SHOWN_CHARS: Final = 16  # of a label: of a person's id in hex, enough to tell all people apart
# What a registrar's no means to whoever asked for an account.
REFUSED: Final = MappingProxyType(
    {
        "NOT_ALLOWED": (
            "lets nobody open an account for it by himself",
            "ask its operator for a grant, and `pledgeway account import` it",
        ),
        "NOT_VETTED": (
            "opens accounts for it only for those whom its operator has listed",
            "ask its operator to list this node, or for a grant",
        ),
        "STALE": (
            "finds that our clock and its own are far apart",
            "check both clocks, and try again",
        ),
        "GONE": ("knows that account no more", "ask its operator for a new grant"),
    }
)


def label_of(person: bytes) -> bytes:
    """Of a person's accounts, behind the brand in their slot; the owner's have none."""
    return person.hex()[:SHOWN_CHARS].encode()


@dataclass(frozen=True, slots=True)
class AccountKeeper:
    """Asks registrars in this node's name. Owned by trio."""

    engine: Engine
    identity: Identity
    ways: Ways
    clock: Clock
    entropy: Entropy

    def find(self, leg: Leg, person: bytes = b"") -> Account | None:
        """The account for a leg of a right."""
        slot = leg.brand + label_of(person)
        row = self.engine.memory.row((Account.table, leg.registrar or b"", slot))
        return row if isinstance(row, Account) else None

    async def open_missing(self, proposal: Proposal, seat: str, person: bytes = b"") -> None:
        """Opens each account that a seat lacks for its legs, where the registrar lets us."""
        described_in = {right.brand.guid: signed for signed in proposal.rights
                        if (right := read_right(signed))}  # fmt: skip
        for leg in proposal.legs:
            if leg.registrar is None or seat not in (leg.from_seat, leg.to_seat):
                continue
            if self.find(leg, person) is not None:
                continue
            text = registrar_card(proposal, leg.registrar)
            now_us = self.clock.now_us()
            known = KnownRight(leg.brand, described_in[leg.brand], text, now_us)
            await self.open(self._card(text), known, person)

    async def open(self, card: NodeCard, known: KnownRight, person: bytes = b"") -> Account:
        """The account of a right. The question's id is new each time, as its time is."""
        right = read_right(known.right)
        check_keeper(self._known(known.brand), right, card.alias)
        secret = partial(self._secret, bytes(card.node) + known.brand + person)
        asked = OpenAccount(
            sender=self.identity.node,
            receiver=card.node,
            id=self.entropy(BATCH_ID_BYTES),
            sent_at_us=self.clock.now_us(),
            brand=known.brand,
            new_account=secret(b"account-cap"),
            new_terms=secret(b"terms-cap"),
            # Nobody there learns by it whose it is, or whose other accounts are the same person's.
            label=secret(b"account-label")[:LABEL_BYTES] if person else b"",
        )
        reply = await self.ask(card, asked)
        row = Account(
            registrar=card.node,
            slot=known.brand + label_of(person),
            account=reply.results[0].account,
            brand=right.brand,
            capability=asked.new_account,
            terms=asked.new_terms if len(reply.results) > 1 else b"",
            card=known.card,
            right=known.right,
            opened_at_us=asked.sent_at_us,
        )
        if person:
            self._require_own(card, row)
        await self._keep(known)
        await self._keep(row)
        return row

    def _require_own(self, card: NodeCard, row: Account) -> None:
        """A registrar that does not tell labels apart would mix what people have."""
        same = (x for x in self.engine.memory.owned(Account) if x.registrar == row.registrar)
        if any(x.account == row.account and x.slot != row.slot for x in same):
            raise ControlFailure(
                "BAD_ANSWER",
                f"{card.alias} gives the same account to two people",
                "its operator has to bring it up to date: `label` of OpenAccount",
            )

    def _known(self, guid: bytes) -> object:
        return self.engine.memory.row((KnownRight.table, guid, b""))

    def _secret(self, of: bytes, use: bytes) -> bytes:
        key = self.identity.key.seed
        return blake2b(of, digest_size=32, key=key, person=use).digest()

    async def _keep(self, row: KnownRight | Account) -> None:
        refusal = await self.engine.ask(partial(KeepRow, row=row))
        if refusal is not None:
            raise ControlFailure(refusal.reason.name, figure=refusal.figure)

    def _card(self, text: str) -> NodeCard:
        """ControlFailure where it is of no use any more: its keys have run out."""
        try:
            card = read_card(text, self.clock.now_us())
        except WireFault as fault:
            raise ControlFailure("NO_CARD", f"the card of a registrar: {fault}") from fault
        if not card.service:
            cause = f"the card of {card.alias} names no address for exchanges"
            raise ControlFailure("NO_SERVICE", cause, "ask its operator for a new card")
        return card

    async def ask(self, card: NodeCard, asked: Asked) -> BatchReply:
        """A registrar's answer. ControlFailure where it refuses, or says nothing."""
        signed = sign_asked(self.identity.key, asked)
        call = self.ways.batch if isinstance(asked, OpBatch) else self.ways.open_account
        try:
            reply = read_reply(await called(card, call(card, signed)), asked)
        except WireFault as fault:
            raise ControlFailure("BAD_ANSWER", f"{card.alias} answers badly: {fault}") from fault
        if reply.refusal is not None:
            refusal = reply.refusal
            says, step = REFUSED.get(refusal.error.name, (f"refuses: {refusal.error.name}", ""))
            code = refusal.error.name
            raise ControlFailure(code, f"{card.alias} {says}", step, refusal.figure)
        return reply

    async def balance(self, row: Account) -> int:
        """How much of its right is in it, as its registrar says. ControlFailure."""
        now_us = self.clock.now_us()
        ops = (Look(row.capability),)
        unique = self.entropy(BATCH_ID_BYTES)
        asked = OpBatch(self.identity.node, row.registrar, unique, now_us, ops)
        return (await self.ask(self._card(row.card), asked)).results[0].amount


def check_keeper(known: object, right: Right, alias: str) -> None:
    """Raises ControlFailure where a description would replace another registrar's of the same GUID.

    Anybody may repeat a GUID. Exchanges that name a right by it alone would then be about the other
    registrar's. `known`: the row of this GUID, if there is one.
    """
    if not isinstance(known, KnownRight):
        return
    keeper = read_right(known.right).registrar
    if keeper != right.registrar:
        raise ControlFailure(
            "GUID_TAKEN",
            f"{alias} describes a right {right.brand.guid.hex()} that node {keeper.hex()} keeps",
            "one of the two took the other's GUID; the description that came first stays, unless"
            f" you say `pledgeway rights forget {right.brand.guid.hex()}`",
        )


async def called(card: NodeCard, answer: Awaitable[T]) -> T:
    """Awaits a call; one that fails is a ControlFailure."""
    try:
        return await answer
    except RpcError as error:
        raise ControlFailure(
            "UNREACHABLE",
            f"{card.alias} does not answer at {card.service}: {told(error)}",
            "see whether it runs and keeps titles, and try again: nothing is ever done twice",
        ) from error
