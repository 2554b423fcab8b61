"""Requests that wait for a person here: brought, shown, approved, denied. A shell without HTTP.

Pages, commands and the back channel all work with this. Every answer is durable before it is
given. Methods that change something return the core's Refusal, or None for done; they raise
StoreUnavailable where the disk refused, and then nothing has changed.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from node.core.escrow.events import JoinSeat
from node.core.people.events import (
    ApproveRequest,
    BringRequest,
    DenyRequest,
    PresentRequest,
    RevokeMandate,
)
from node.core.people.mandates import left_of
from node.core.people.notices import is_registered
from node.core.people.rows import (
    OWNER,
    Confirmation,
    ConfirmationPhase,
    Credential,
    CredentialKind,
    KnownDomain,
    KnownPayee,
    Mandate,
    Person,
    Purse,
    person_id,
)
from node.engine import Engine
from node.pay_options import PayOptions
from node.people.exchanging import Exchanging, Goods, why_not
from node.people.journal import Journal
from node.people.marks import Marks
from node.people.preparing import (
    MAX_VALID_US,
    VALID_US,
    Caution,
    Prepared,
    cautions,
    options_of,
)
from node.people.pricing import Planner, priced
from node.people.waiting import Waiting
from proto.approval import (
    APPROVAL_KIND,
    Approval,
    Approved,
    PasskeyProof,
    read_approval,
)
from proto.envelope import Proof
from proto.keys import NodeId, SigningKey
from proto.money import Brand
from proto.reason import Reason, Refusal
from proto.receipt_terms import in_house_descriptor
from proto.request import PaymentRequest, payee_signed, read_asked, request_hash
from runtime.clock import Clock

# Of names that nobody here has: kept as others are, so that nobody can try names by asking: some
# 20 MB of memory. Beyond it strangers are refused, and what others bring is answered the same.
MAX_NAMELESS: Final = 2000
SALT_BYTES: Final = 32  # of a descriptor
Holds = Callable[[NodeId, str], Awaitable[bool]]
"""Whether our own look-up finds that the domain is the payee's."""


@dataclass(frozen=True, slots=True)
class Brought:
    """What a requester is told. `id`: of the confirmation, in the approval URL; `poll`: the secret
    of the requester alone, by which it asks how it stands; `nonce`: ours, 32 bytes, of the
    interaction hash. The same request brought again is told the same."""

    id: bytes
    poll: bytes
    nonce: bytes
    expires_at_us: int
    refusal: Refusal | None = None


class Confirmations(Waiting):
    """All that waits for people of this node. One for each daemon."""

    def __init__(
        self,
        engine: Engine,
        journal: Journal,
        payer: Planner,
        key: SigningKey,
        clock: Clock,
        entropy: Callable[[int], bytes],
    ) -> None:
        """`key`: the node's own."""
        super().__init__(engine.memory, journal, Marks(key))
        self._engine = engine
        self._payer = payer
        self._key = key
        self._clock = clock
        self._entropy = entropy
        self.exchanging: Exchanging | None = None  # where the node exchanges with others
        # Until somebody takes it up who asks domains: what was found before.
        self.holds: Holds = self._found_before

    # ------------------------------------------------------------------ bringing

    async def bring(
        self,
        asked: bytes,
        requester: bytes = b"",
        name: str = "",
        nonce: bytes = b"",
        state: str = "",
    ) -> Brought:
        """A request over the back channel. Raises WireFault where it cannot be read or verified.

        `requester`: the key that brought it; `name`: of the person here, "" = by link alone;
        `nonce`, `state`: the requester's, for the way back. What a standing approval covers is
        approved at once. Whether a name is known here shows in no answer.
        """
        now_us = self._clock.now_us()
        signed, request = read_asked(asked, now_us)
        mandate = self._mandate_of(request)
        person, owned = person_id(name) if name else b"", False
        if mandate is not None and person in (b"", mandate.person):
            person, owned = mandate.person, mandate.person == OWNER
        row = self._row(asked, signed, request, requester, nonce, state, person, owned=owned)
        if person != OWNER and self._beyond_room() and self._memory.row(row.key) is None:
            # A stranger is refused whatever name he says: were known ones let through, the others
            # would show by it. Whom the operator knows is not held up by that.
            if mandate is None and not is_registered(self._memory, requester):
                return self._brought(row, Refusal(Reason.LIMIT_REACHED))
            if self._memory.row((Person.table, person, b"")) is None:
                return self._brought(row)
        refusal = await self._engine.ask(partial(BringRequest, row=row))
        if refusal is None and mandate is not None:
            await self._by_mandate(row.id, mandate)
        return self._brought(row, refusal)

    async def take(self, person: bytes, asked: bytes) -> tuple[bytes, Refusal | None]:
        """A request that a person has as a file, link or QR code: (its confirmation, refusal).

        Raises WireFault. One that somebody has brought already is that one.
        """
        signed, request = read_asked(asked, self._clock.now_us())
        owned = person == OWNER
        row = self._row(asked, signed, request, b"", b"", "", person, owned=owned)
        refusal = await self._engine.ask(
            partial(BringRequest, row=row),
            partial(PresentRequest, confirmation=row.id, person=person),
        )
        return row.id, refusal

    def _row(
        self,
        asked: bytes,
        signed: bytes,
        request: PaymentRequest,
        requester: bytes,
        nonce: bytes,
        state: str,
        person: bytes,
        *,
        owned: bool,
    ) -> Confirmation:
        return Confirmation(
            id=self.marks.id_of(request.payee, request.request_id),
            request_hash=request_hash(signed),
            asked=asked,
            payee=request.payee,
            brand=request.brand,
            phase=ConfirmationPhase.RECEIVED,
            received_at_us=self._clock.now_us(),
            expires_at_us=request.expires_at_us,
            requester=requester,
            nonce=nonce,
            state=state,
            person=person,
            owned=owned,
        )

    def _brought(self, row: Confirmation, refusal: Refusal | None = None) -> Brought:
        kept = self._memory.row(row.key)
        until_us = kept.expires_at_us if isinstance(kept, Confirmation) else row.expires_at_us
        nonce, poll = self.marks.nonce_of(row.id), self.marks.poll_of(row.id)
        return Brought(row.id, poll, nonce, until_us, refusal)

    def _beyond_room(self) -> bool:
        """Counted for names that are known as well: how long it takes must not tell them apart."""
        return self._memory.waiting_for_nobody() >= MAX_NAMELESS

    # ------------------------------------------------------------------ what it would cost

    async def prepare(
        self,
        confirmation: Confirmation,
        person: bytes,
        amount: int | None = None,
        options: PayOptions | None = None,
    ) -> Prepared:
        """One payment as this person would make it now; nothing is promised or held.

        `amount`: what the payer chose, in smallest units, where the request leaves it to him.
        `options`: what may be tried; of these an approval keeps the levels of own promises alone.
        """
        request, now_us = self.request_of(confirmation), self._clock.now_us()
        blank = Prepared(
            confirmation=confirmation,
            request=request,
            in_house=request.payee == self._key.node_id,
            valid_until_us=min(now_us + VALID_US, request.expires_at_us),
            available=self._available(confirmation, person),
            cautions=await self._cautions(request, person),
        )
        if blank.in_house and request.person == person:
            return replace(blank, because=Refusal(Reason.SELF_PAYMENT))
        if self._is_otherwise(request.brand, person):
            return replace(blank, because=Refusal(Reason.BRAND_OTHERWISE))
        options = options or PayOptions()
        blank = replace(blank, allowed=options.first_levels)
        if request.exchange:
            goods = self.goods_of(confirmation, person)
            if isinstance(goods, Refusal):
                return replace(blank, because=goods)
            blank = replace(blank, goods=goods)
        return await priced(self._payer, blank, amount, options, now_us)

    def _is_otherwise(self, brand: Brand, person: bytes) -> bool:
        """Whether a brand of this id has another name, unit or issuer here: the payee wrote them,
        and what is debited is what the id stands for."""
        purse = self._memory.row((Purse.table, person, brand.guid))
        if isinstance(purse, Purse):
            return purse.brand != brand
        return any(
            line.brand.guid == brand.guid and line.brand != brand for line in self._memory.lines()
        )

    def goods_of(self, confirmation: Confirmation, person: bytes) -> Goods | Refusal:
        """What comes to this person in the same decision; EXCHANGE_UNKNOWN while its invitation has
        not arrived. For requests that name an exchange."""
        if self.exchanging is None:
            return Refusal(Reason.EXCHANGE_UNKNOWN)
        request = self.request_of(confirmation)
        return self.exchanging.goods_of(confirmation, request, person)

    def _available(self, confirmation: Confirmation, person: bytes) -> int | None:
        if person == OWNER:
            return None
        purse = self._memory.row((Purse.table, person, confirmation.brand.guid))
        return purse.available if isinstance(purse, Purse) else 0

    async def _cautions(self, request: PaymentRequest, person: bytes) -> tuple[Caution, ...]:
        known = [r for r in self._memory.of_person(person) if isinstance(r, KnownPayee)]
        holds = bool(request.domain) and await self.holds(request.payee, request.domain)
        return cautions(request, known, domain_holds=holds)

    async def _found_before(self, payee: NodeId, domain: str) -> bool:
        row = self._memory.row((KnownDomain.table, bytes(payee), b""))
        return isinstance(row, KnownDomain) and row.domain == domain and row.holds

    # ------------------------------------------------------------------ answering

    async def present(self, confirmation: bytes, person: bytes) -> Refusal | None:
        """The person sees it. Who opens one without a name first makes it his own."""
        return await self._engine.ask(
            partial(PresentRequest, confirmation=confirmation, person=person)
        )

    async def deny(self, confirmation: bytes, person: bytes) -> Refusal | None:
        """As if it had never been requested."""
        return await self._engine.ask(
            partial(DenyRequest, confirmation=confirmation, person=person)
        )

    async def revoke(self, mandate: bytes, person: bytes) -> Refusal | None:
        """A standing approval ends at once; `mandate`: its id."""
        return await self._engine.ask(partial(RevokeMandate, mandate=mandate, person=person))

    # ------------------------------------------------------------------ approving

    async def approve(
        self, confirmation: bytes, person: bytes, approved: Approved
    ) -> Refusal | None:
        """Pays as it was approved. Raises WireFault where it holds no approval that can be read.

        A passkey's assertion has been verified by the caller, against the page's origin and the
        challenge of these very bytes; that the passkey is this person's is looked up here. A key's
        signature is verified here. Asked again with the same it changes nothing. ControlFailure
        where goods come with it and their registrar opens no account for them.
        """
        approval, now_us = read_approval(approved.approval), self._clock.now_us()
        row = self.find(confirmation)
        if row is None:
            return Refusal(Reason.CONFIRMATION_UNKNOWN)
        lasts_too_long = approval.valid_until_us > now_us + MAX_VALID_US
        # Nobody's credential speaks for another's account, whatever its approval says.
        speaks = approval.person == person and self._is_by(person, approved)
        if lasts_too_long or not speaks:
            return Refusal(Reason.APPROVAL_MISMATCH)
        return await self._approve(row, approval, approved)

    async def _approve(
        self, row: Confirmation, approval: Approval, approved: Approved, mandate: bytes = b""
    ) -> Refusal | None:
        request = self.request_of(row)
        descriptor, join = b"", None
        # Once it is approved, denied or expired nothing is opened for it any more.
        if request.exchange and row.phase.waiting:
            taken = await self._seat(row, approval)
            if isinstance(taken, Refusal):
                return taken
            join = taken
        if request.payee == self._key.node_id:
            descriptor = in_house_descriptor(
                request,
                row.request_hash,
                approval.amount,
                self._entropy(SALT_BYTES),
                self._clock.now_us(),
            ).encode()
        return await self._engine.ask(
            partial(
                ApproveRequest,
                confirmation=row.id,
                person=approval.person,
                approved=approved.encode(),
                approval=approval,
                signed=payee_signed(row.asked)[0],
                request=request,
                options=options_of(approval).to_json(),
                descriptor=descriptor,
                mandate=mandate,
                join=join,
            )
        )

    async def _seat(self, row: Confirmation, approval: Approval) -> JoinSeat | Refusal:
        """The seat that this approval takes; accounts are opened for what comes to it."""
        now_us = self._clock.now_us()
        goods = self.goods_of(row, approval.person)
        if isinstance(goods, Refusal):
            return goods
        if because := why_not(goods, now_us):
            return because
        assert self.exchanging is not None
        pay = options_of(approval).to_json()
        return await self.exchanging.join(goods, approval, pay, now_us)

    def _is_by(self, person: bytes, approved: Approved) -> bool:
        """Whether it was given by a credential of this person, as far as can be said here."""
        by = approved.by
        if isinstance(by, Proof):
            ours = person == OWNER and by.key == self._key.public
            theirs = self._has(person, CredentialKind.KEY, by.key, by.key)
            return (ours or theirs) and by.proves(APPROVAL_KIND, approved.approval)
        if isinstance(by, PasskeyProof):
            return self._has(person, CredentialKind.PASSKEY, by.credential, by.public_key)
        return False  # a standing approval speaks for itself, and nobody brings it

    def _has(self, person: bytes, kind: CredentialKind, named: bytes, public_key: bytes) -> bool:
        row = self._memory.row((Credential.table, person, named))
        return (
            isinstance(row, Credential)
            and (row.kind, row.public_key) == (kind, public_key)
            and not row.ended_at_us
        )

    # ------------------------------------------------------------------ standing approvals

    def _mandate_of(self, request: PaymentRequest) -> Mandate | None:
        """The standing approval that a request asks to be paid from, if it was given to this payee
        and requester; whether it still lasts is for whoever approves."""
        row = self._memory.row((Mandate.table, request.under, b"")) if request.under else None
        key = b"" if request.requester is None else request.requester.key
        if not isinstance(row, Mandate) or (row.payee, row.requester) != (request.payee, key):
            return None
        return row

    async def _by_mandate(self, confirmation: bytes, mandate: Mandate) -> None:
        """Approves what it covers; what it does not cover waits for its person."""
        row = self._memory.row((Confirmation.table, confirmation, b""))
        if not isinstance(row, Confirmation) or not row.phase.waiting:
            return
        if self.request_of(row).exchange:
            return  # what comes in return was not known when it was given
        prepared = await self.prepare(row, mandate.person)
        left = left_of(mandate, self._clock.now_us())
        if not prepared.payable or prepared.amount + prepared.fee > left:
            return
        approval = prepared.within(left).approval(mandate.person)
        approved = Approved(approval.encode(), mandate.id)
        # Its caps are looked at once more in the step that draws on it: several may come at once.
        await self._approve(row, approval, approved, mandate.id)
