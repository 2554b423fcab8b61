"""Whoever stole recovery codes keeps nobody from objecting to the passkey that they let in."""

from collections.abc import AsyncIterator

import pytest
import trio

from node.core.keyed import replace
from node.core.people.rows import Credential, CredentialKind, RecoveryCode, Session, person_id
from node.page.site import app
from node.page.visits import COOKIE, IDLE_US, MAX_SESSIONS, mark
from node.page_config import PageConfig
from tests.node.page.bank import Bank, Browser, Page

BIANCA = person_id("bianca")
ADD = "/account/passkeys/new"


class Robbed:
    """Bianca at her browser, and a thief at his, who has her codes."""

    def __init__(self, bank: Bank, owner: Browser, thief: Browser, codes: list[str]) -> None:
        self.bank, self.owner, self.thief, self.codes = bank, owner, thief, codes

    async def enters(self, number: int) -> Page:
        return await self.thief.send("/recover", {"name": "bianca", "code": self.codes[number]})

    async def adds(self, number: int) -> Credential:
        """A passkey by this code; the thief is in by it."""
        await self.enters(number)
        page = await self.thief.look(ADD)
        made = self.thief.keys.create(page.options)
        await self.thief.press(page, ADD, assertion=made, label=f"thief's {number}")
        return self.credentials()[-1]

    def credentials(self) -> list[Credential]:
        mine = self.bank.memory.of_person(BIANCA)
        return [row for row in mine if isinstance(row, Credential)]

    def sessions(self) -> list[Session]:
        mine = self.bank.memory.of_person(BIANCA)
        return [row for row in mine if isinstance(row, Session) and not row.ended_at_us]


@pytest.fixture
async def robbed() -> AsyncIterator[Robbed]:
    bank = Bank()
    async with bank.browser() as owner, bank.browser() as thief:
        thief.keys.label = "thief"
        codes = (await owner.join(bank.invite("bianca"))).codes
        yield Robbed(bank, owner, thief, codes)


@pytest.mark.parametrize("by_code", [True, False], ids=["by a code", "by what rests"])
async def test_a_thief_ends_no_session_of_the_owner(robbed: Robbed, by_code: bool) -> None:
    """Else he does it as often as she logs in, until what he has rests no more."""
    await (robbed.enters(0) if by_code else robbed.adds(0))
    (hers,) = (s for s in robbed.sessions() if s.by == robbed.credentials()[0].id)
    page = await robbed.thief.look("/account")
    assert not page.links("/account/sessions/")
    for path in (f"/account/sessions/{mark(hers.id)}/end", "/account/sessions/end"):
        refused = await robbed.thief.send(path, {"csrf": page.csrf})
        assert refused.status == 403 and "ends none of the others" in refused.text
    assert (await robbed.owner.look("/account")).status == 200
    (own,) = (s for s in robbed.sessions() if s.id != hers.id)
    out = await robbed.thief.send(f"/account/sessions/{mark(own.id)}/end", {"csrf": page.csrf})
    assert out.where == "/login", "his own he may"


async def test_many_log_ins_of_a_thief_take_no_place_of_the_owner(robbed: Robbed) -> None:
    """By what rests as many as he likes: hers is the oldest one."""
    await robbed.adds(0)
    for _ in range(MAX_SESSIONS + 5):
        robbed.thief.http.cookies.delete(COOKIE)
        assert (await robbed.thief.log_in()).status == 303
    assert len(robbed.sessions()) <= MAX_SESSIONS
    assert (await robbed.owner.look("/account")).status == 200
    # Places of hers that are over are taken, and with all of them in use he has one.
    (hers,) = (s for s in robbed.sessions() if s.by == robbed.credentials()[0].id)
    for number in range(MAX_SESSIONS):
        at_us = robbed.bank.clock.now_us()
        robbed.bank.memory.put(Session(bytes([number]) * 32, BIANCA, hers.by, at_us, at_us))
    robbed.thief.http.cookies.delete(COOKIE)
    await robbed.thief.log_in()
    assert sum(s.by == hers.by for s in robbed.sessions()) == MAX_SESSIONS + 1
    assert len(robbed.sessions()) == MAX_SESSIONS + 2
    robbed.bank.pass_time(IDLE_US)
    robbed.thief.http.cookies.delete(COOKIE)
    await robbed.thief.log_in()
    assert len(robbed.sessions()) == MAX_SESSIONS


async def test_a_code_adds_one_passkey_however_often_it_is_sent(robbed: Robbed) -> None:
    """Else one code fills the account with passkeys that have to be ended one by one."""
    await robbed.enters(0)
    page = await robbed.thief.look(ADD)
    made = [robbed.thief.keys.create(page.options) for _ in range(4)]
    async with trio.open_nursery() as nursery:
        for one in made:
            fields = {**page.hidden, "assertion": one, "label": "another"}
            nursery.start_soon(robbed.thief.send, ADD, fields)
    assert len(robbed.credentials()) == 2
    assert (await robbed.thief.look(ADD)).status == 403, "and what rests adds none"


async def test_new_codes_put_out_whoever_is_in_by_an_old_one(robbed: Robbed) -> None:
    await robbed.enters(0)
    page = await robbed.thief.look(ADD)
    made = robbed.thief.keys.create(page.options)
    codes = await robbed.owner.press(await robbed.owner.look("/account/codes"), "/account/codes")
    assert len(codes.codes) == 10
    late = await robbed.thief.press(page, ADD, assertion=made)
    assert late.status == 403 and "session is over" in late.text
    assert len(robbed.credentials()) == 1
    fresh = [r for r in robbed.bank.memory.of_person(BIANCA) if isinstance(r, RecoveryCode)]
    assert sum(not row.used_at_us for row in fresh) == 10


async def test_an_invitation_ends_what_rests(robbed: Robbed) -> None:
    """Whoever runs the node has seen who it is; and the device of somebody who came by a code and
    could not wait may make another passkey at once."""
    for number in range(9):
        await robbed.adds(number)
        robbed.bank.memory.put(replace(robbed.credentials()[-1], label=f"{number}"))
    await robbed.enters(9)
    for number in range(6):  # hers: with the thief's there is no room for one more
        key = bytes([number]) * 32
        robbed.bank.memory.put(Credential(BIANCA, key, CredentialKind.KEY, key, "key", 1))
    path = robbed.bank.invite("bianca")
    async with robbed.bank.browser() as other:
        page = await other.look(path)
        for resting in robbed.credentials()[1:10]:
            assert resting.rests_until_us
            assert mark(resting.id) not in page.options
        other.keys.passkeys = robbed.thief.keys.passkeys[:1]  # such a device
        assert (await other.join(path)).status == 200
    live = [c for c in robbed.credentials() if not c.ended_at_us]
    assert not any(c.rests_until_us for c in live)
    assert sum(c.kind is CredentialKind.PASSKEY for c in live) == 2
    assert (await robbed.thief.look("/account")).status == 303


async def test_the_owner_hears_of_whoever_is_in_by_a_code(robbed: Robbed) -> None:
    """Before there is a passkey, too: he sees everything, and may deny what waits for her."""
    said = "Somebody is in by a recovery code"
    assert said not in (await robbed.owner.look("/account")).text
    await robbed.enters(0)
    assert said in (await robbed.owner.look("/account/keys/new")).text
    assert said not in (await robbed.thief.look("/account")).text
    await robbed.owner.press(await robbed.owner.look("/account/codes"), "/account/codes")
    assert said not in (await robbed.owner.look("/account")).text
    assert (await robbed.thief.look("/account")).status == 303


async def test_who_may_not_end_it_is_told_who_may(robbed: Robbed) -> None:
    """Bianca has lost her device, too, and her own new passkey rests beside the thief's."""
    thiefs = await robbed.adds(0)
    async with robbed.bank.browser() as hers:
        await hers.send("/recover", {"name": "bianca", "code": robbed.codes[1]})
        page = await hers.look("/account")
        assert "tell whoever runs this node" in page.text
        assert not page.links(f"/account/ways/{mark(thiefs.id)}/end")
    page = await robbed.owner.look("/account")
    assert "end it now" in page.text and "tell whoever runs" not in page.text


async def test_without_a_rest_nothing_rests() -> None:
    bank = Bank()
    site = app(bank.context, PageConfig("127.0.0.1:0", bank.origin, rest_hours=0))
    async with bank.browser(site) as owner, bank.browser(site) as other:
        codes = (await owner.join(bank.invite("bianca"))).codes
        other.keys.label = "new phone"
        await other.send("/recover", {"name": "bianca", "code": codes[0]})
        page = await other.look(ADD)
        done = await other.press(page, ADD, assertion=other.keys.create(page.options))
        assert done.where == "/account?done=added", done.text
        assert (await other.look("/account/codes")).status == 200
