"""/account: what opens a person's account, who is in it now, and how others ask it for money."""

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Final
from urllib.parse import quote

import trio
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from node.control.context import store
from node.control.failure import ControlFailure, refuse
from node.core.escrow.events import KeepRow
from node.core.keyed import replace
from node.core.people.joining import MAX_CREDENTIALS
from node.core.people.rows import Credential, CredentialKind, OfPeople, RecoveryCode, Session
from node.page.frame import Frame, Handler, Personal, see_other
from node.page.proving import NOT_BY_CODE, Use, sentence
from node.page.visits import Visit, mark, see_off, take_in
from node.people.codes import fresh_codes
from node.people.passkeys import MAX_LABEL_CHARS, PasskeyRefused, able
from proto.limits import US
from proto.login import read_key_text
from proto.wire import WireFault

MAX_KEY_CHARS: Final = 128  # one line of a key has some 60
HOUR_US: Final = 3600 * US
DONE: Final = {
    "added": "The passkey is added.",
    "key": "The key is added.",
    "renamed": "It has its new name.",
    "ended": "It opens nothing any more.",
    "alone": "All other sessions are over.",
}
NEEDED: Final = "Another passkey is needed for this"
RESTS: Final = "The one you use came by a recovery code, and rests for a while."
NOT_YOURS: Final = (
    "You came in by a recovery code, or by a passkey that one has let in and that rests: it ends"
    " none of the others."
)
LAST: Final = "It is the last way into this account: add another passkey or new codes first."
OVER: Final = "The session is over."
FULL: Final = f"There are {MAX_CREDENTIALS} already: end one first."


class Account:
    """Owned by trio."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame
        self._context = frame.context
        self._one_at_a_time = trio.Lock()  # that no two end the last ways in beside each other

    def routes(self) -> list[BaseRoute]:
        """Everything below /account."""
        personal, sure = self._frame.personal, self._sure
        return [
            Route("/account", personal(self.show), methods=["GET"]),
            Route("/account/passkeys/new", sure(self.show_new, code=True), methods=["GET"]),
            Route("/account/passkeys/new", sure(self.add, code=True), methods=["POST"]),
            Route("/account/keys/new", sure(self.show_key), methods=["GET"]),
            Route("/account/keys/new", sure(self.add_key), methods=["POST"]),
            Route("/account/ways/{mark}", sure(self.show_way), methods=["GET"]),
            Route("/account/ways/{mark}", sure(self.rename), methods=["POST"]),
            Route("/account/ways/{mark}/end", sure(self.end_way), methods=["POST"]),
            Route("/account/codes", sure(self.show_codes), methods=["GET"]),
            Route("/account/codes", sure(self.new_codes), methods=["POST"]),
            Route("/account/sessions/{mark}/end", personal(self.end_session), methods=["POST"]),
            Route("/account/sessions/end", personal(self.end_others), methods=["POST"]),
        ]

    def _sure(self, handler: Personal, *, code: bool = False) -> Handler:
        """For what opens the account: only where its person proved to be here just now. `code`: a
        recovery code is enough."""

        async def handle(request: Request, visit: Visit) -> Response:
            if visit.by_code and not code:
                step = "/account/passkeys/new"
                return self._frame.notice(visit, 403, "A passkey is needed for this",
                                          NOT_BY_CODE, step)  # fmt: skip
            if visit.rests_until_us:
                return self._frame.notice(visit, 403, NEEDED, RESTS, "/account")
            if not visit.is_fresh(self._context.clock.now_us()):
                where = request.url.path.removesuffix("/end")
                return see_other(f"/again?next={quote(where, safe='')}")
            return await handler(request, visit)

        return self._frame.personal(handle)

    # ------------------------------------------------------------------ what there is

    async def show(self, request: Request, visit: Visit) -> Response:
        """All of it on one page."""
        by = {c.id: c.label for c in self._credentials(visit)}
        done = DONE.get(request.query_params.get("done", ""), "")
        live = [c for c in self._credentials(visit) if not c.ended_at_us]
        return self._frame.page(
            "account", visit, done=done, mark=mark, by=by,
            passkeys=[c for c in live if c.kind is CredentialKind.PASSKEY],
            keys=[c for c in live if c.kind is CredentialKind.KEY],
            sessions=self._sessions(visit), codes=len(self._codes(visit)),
        )  # fmt: skip

    def _credentials(self, visit: Visit) -> list[Credential]:
        found = self._frame.proving.credentials(visit.person.id)
        return sorted(found, key=lambda c: (c.created_at_us, c.id))

    def _rows(self, visit: Visit) -> Sequence[object]:
        return self._context.engine.memory.of_person(visit.person.id)

    def _sessions(self, visit: Visit) -> list[Session]:
        """Those that last, the one used last first."""
        visits, now_us = self._frame.visits, self._context.clock.now_us()
        found = [s for s in self._rows(visit) if isinstance(s, Session)]
        lasting = [s for s in found if visits.lasts(s, now_us)]
        return sorted(lasting, key=lambda s: (-s.seen_at_us, s.id))

    def _codes(self, visit: Visit) -> list[RecoveryCode]:
        rows = self._rows(visit)
        return [c for c in rows if isinstance(c, RecoveryCode) and not c.used_at_us]

    async def _keep(self, *rows: OfPeople) -> None:
        """In this order, up to one that is refused: its reason as ControlFailure."""
        refuse(await store(self._context.engine.ask(*(partial(KeepRow, row=r) for r in rows))))

    # ------------------------------------------------------------------ passkeys and keys

    async def show_new(self, request: Request, visit: Visit) -> Response:
        """A further passkey, or the first one of somebody who lost all."""
        return self._new(request, visit, "")

    def _new(self, request: Request, visit: Visit, alert: str) -> Response:
        prompt = self._frame.proving.prompt(request, Use.ADD, visit.person, visit.session.id)
        status = 400 if alert else 200
        page = self._frame.page(
            "new_passkey", visit, status, prompt=prompt, alert=alert, most=MAX_LABEL_CHARS
        )
        return prompt.on(page)

    async def add(self, request: Request, visit: Visit) -> Response:
        """Whoever came by a code goes on as one who has a passkey."""
        fields, person = await self._frame.form(request, visit), visit.person.id
        try:
            made = self._frame.proving.made(request, fields, Use.ADD, person, visit.session.id)
        except PasskeyRefused as refused:
            return self._new(request, visit, sentence(refused))
        async with self._one_at_a_time:
            if self._is_full(visit):
                return self._new(request, visit, FULL)
            if self._frame.visits.find(visit.token) is None:
                return self._frame.notice(visit, 409, "This was not done", OVER, "/login")
            label = self._label(visit, fields.get("label", ""), "Passkey")
            made = replace(made, label=label, rests_until_us=self._rests_until_us(visit))
            # A code adds one: its session ends in the same step, however often this was sent.
            now_us = self._context.clock.now_us()
            over = [replace(visit.session, ended_at_us=now_us)] if visit.by_code else []
            await self._keep(*over, made)
        answer = see_other("/account?done=added")
        if not visit.by_code:
            return answer
        return take_in(answer, await self._frame.visits.open(person, made.id))

    def _rests_until_us(self, visit: Visit) -> int:
        """Of a passkey that this visit adds. Who has lost all of his goes on at once: nobody is
        there who could object."""
        if not visit.by_code:
            return 0
        now_us = self._context.clock.now_us()
        others = able(self._credentials(visit), now_us)
        return now_us + self._frame.config.rest_hours * HOUR_US if others else 0

    def _is_full(self, visit: Visit) -> bool:
        return sum(not c.ended_at_us for c in self._credentials(visit)) >= MAX_CREDENTIALS

    def _label(self, visit: Visit, typed: str, kind: str) -> str:
        """How its person calls it; a number where he does not."""
        return _said(typed) or f"{kind} {len(self._credentials(visit)) + 1}"

    async def show_key(self, request: Request, visit: Visit) -> Response:
        """A program at a command line signs with a key of its own."""
        return self._frame.page("new_key", visit, alert="", key="", most=MAX_LABEL_CHARS)

    async def add_key(self, request: Request, visit: Visit) -> Response:
        """Its public half, as the program prints it."""
        fields = await self._frame.form(request, visit)
        typed = fields.get("key", "").strip()[:MAX_KEY_CHARS]
        try:
            key, alert = read_key_text(typed), ""
        except WireFault as fault:
            key, alert = b"", f"This cannot be added: {fault}."
        async with self._one_at_a_time:
            if any(c.id == key for c in self._credentials(visit)):
                alert = "It was added before."
            elif not alert and self._is_full(visit):
                alert = FULL
            if alert:
                return self._frame.page("new_key", visit, 400, alert=alert, key=typed,
                                        most=MAX_LABEL_CHARS)  # fmt: skip
            label = self._label(visit, fields.get("label", ""), "Key")
            now_us = self._context.clock.now_us()
            kind = CredentialKind.KEY
            await self._keep(Credential(visit.person.id, key, kind, key, label, now_us))
        return see_other("/account?done=key")

    def _way(self, request: Request, visit: Visit) -> Credential:
        """The credential of this person that the path names. ControlFailure."""
        named = request.path_params["mark"]
        for credential in self._credentials(visit):
            if mark(credential.id) == named and not credential.ended_at_us:
                return credential
        raise ControlFailure("NOT_FOUND", "You have no passkey or key like that.", "/account")

    async def show_way(self, request: Request, visit: Visit) -> Response:
        """One passkey or key: another name, or its end."""
        way = self._way(request, visit)
        last = not self._others(visit, way)
        own = way.id == visit.session.by
        return self._frame.page(
            "way", visit, way=way, mark=mark(way.id), last=last, own=own, most=MAX_LABEL_CHARS
        )

    def _others(self, visit: Visit, way: Credential) -> int:
        """How many ways into the account are left without this one. A program's key is none for
        whoever has passkeys: it adds no new ones."""
        kind = CredentialKind.PASSKEY
        live = [c for c in self._credentials(visit) if not c.ended_at_us and c.id != way.id]
        same = [c for c in live if c.kind is kind or way.kind is not kind]
        return len(same) + len(self._codes(visit))

    async def rename(self, request: Request, visit: Visit) -> Response:
        """For its person alone."""
        fields, way = await self._frame.form(request, visit), self._way(request, visit)
        label = _said(fields.get("label", "")) or way.label
        await self._keep(replace(way, label=label))
        return see_other("/account?done=renamed")

    async def end_way(self, request: Request, visit: Visit) -> Response:
        """With all sessions that it opened: whoever took it is out."""
        await self._frame.form(request, visit)
        async with self._one_at_a_time:
            way, now_us = self._way(request, visit), self._context.clock.now_us()
            if not self._others(visit, way):
                return self._frame.notice(visit, 409, "This was not done", LAST, "/account")
            opened = [s for s in self._sessions(visit) if s.by == way.id]
            await self._keep(replace(way, ended_at_us=now_us))
        await self._end(opened)
        if visit.session.by == way.id:
            return see_off(see_other("/login"))
        return see_other("/account?done=ended")

    # ------------------------------------------------------------------ codes and sessions

    async def show_codes(self, request: Request, visit: Visit) -> Response:
        """Before the old ones end."""
        return self._frame.page("new_codes", visit, left=len(self._codes(visit)))

    async def new_codes(self, request: Request, visit: Visit) -> Response:
        """They are shown this once, and the others are worth nothing from here on."""
        await self._frame.form(request, visit)
        now_us = self._context.clock.now_us()
        codes, rows = fresh_codes(visit.person.id, self._context.entropy, now_us)
        async with self._one_at_a_time:
            old = (replace(code, used_at_us=now_us) for code in self._codes(visit))
            await self._keep(*old, *rows)
        # Whoever is in by one of the old ones has not added a passkey yet, and will not.
        await self._end(s for s in self._sessions(visit) if not s.by)
        return self._frame.page("codes", visit, codes=codes, welcome=False)

    async def end_session(self, request: Request, visit: Visit) -> Response:
        """Wherever its browser is."""
        await self._frame.form(request, visit)
        for session in self._sessions(visit):
            if mark(session.id) == request.path_params["mark"]:
                if not visit.may_end(session):
                    return self._frame.notice(visit, 403, NEEDED, NOT_YOURS, "/account")
                await self._frame.visits.end(session)
                if session.id == visit.session.id:
                    return see_off(see_other("/login"))
        return see_other("/account?done=ended")

    async def end_others(self, request: Request, visit: Visit) -> Response:
        """All but this one."""
        await self._frame.form(request, visit)
        if visit.only_looks:
            return self._frame.notice(visit, 403, NEEDED, NOT_YOURS, "/account")
        await self._end(s for s in self._sessions(visit) if s.id != visit.session.id)
        return see_other("/account?done=alone")

    async def _end(self, sessions: Iterable[Session]) -> None:
        """Each by itself: whose session ends just now keeps no other one open."""
        for session in sessions:
            await self._frame.visits.end(session)


def _said(label: str) -> str:
    """A label in one line; "" where there is none that can be shown."""
    label = " ".join(label.split())[:MAX_LABEL_CHARS]
    return label if label.isprintable() else ""
