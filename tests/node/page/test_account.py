"""What a person does at /account: passkeys, keys, sessions and codes, of nobody else."""

from collections.abc import AsyncIterator
from functools import partial

import pytest

from node.core.escrow.events import KeepRow
from node.core.keyed import replace
from node.core.people.joining import MAX_CREDENTIALS
from node.core.people.rows import Credential, CredentialKind, RecoveryCode, Session, person_id
from node.page.visits import COOKIE, IDLE_US, mark
from proto.login import key_text
from tests.node.page.bank import Bank, Browser, Page

BIANCA = person_id("bianca")
PUBLIC = bytes(range(32))
KEY = key_text(PUBLIC)


@pytest.fixture
def bank() -> Bank:
    return Bank()


@pytest.fixture
async def browser(bank: Bank) -> AsyncIterator[Browser]:
    """Bianca's, who is in."""
    async with bank.browser() as made:
        assert (await made.join(bank.invite("bianca"))).status == 200
        yield made


def credentials(bank: Bank, person: bytes = BIANCA) -> list[Credential]:
    return [row for row in bank.memory.of_person(person) if isinstance(row, Credential)]


async def add(browser: Browser, label: str = "") -> Page:
    path = "/account/passkeys/new"
    page = await browser.look(path)
    made = browser.keys.create(page.options)
    return await browser.press(page, path, assertion=made, label=label)


def way(credential: Credential) -> str:
    return f"/account/ways/{mark(credential.id)}"


async def test_a_second_passkey_has_the_name_that_its_person_gives(
    bank: Bank, browser: Browser
) -> None:
    assert (await add(browser, "  <b>blue</b>\tkey ")).where == "/account?done=added"
    page = await browser.look("/account")
    assert "&lt;b&gt;blue&lt;/b&gt; key" in page.answer.text
    await add(browser, "\u202egnp.exe")
    await add(browser)
    labels = [c.label for c in sorted(credentials(bank), key=lambda c: c.created_at_us)]
    assert labels == ["First passkey", "<b>blue</b> key", "Passkey 3", "Passkey 4"]
    path = way(credentials(bank)[0])
    assert (await browser.press(await browser.look(path), path, label="home")).status == 303
    assert "home" in (await browser.look("/account")).text


async def test_the_same_passkey_is_not_added_twice(bank: Bank, browser: Browser) -> None:
    path = "/account/passkeys/new"
    page = await browser.look(path)
    made = browser.keys.create(page.options, id=browser.keys.passkeys[0].id)
    refused = await browser.press(page, path, assertion=made)
    assert refused.status == 400 and "among yours already" in refused.text
    assert len(credentials(bank)) == 1


async def test_there_is_a_bound_to_what_one_person_has(bank: Bank, browser: Browser) -> None:
    for _ in range(MAX_CREDENTIALS - 1):
        assert (await add(browser)).status == 303
    refused = await add(browser)
    assert refused.status == 400 and f"{MAX_CREDENTIALS} already" in refused.text
    fields = {"csrf": refused.csrf, "key": KEY}
    assert (await browser.send("/account/keys/new", fields)).status == 400
    assert len(credentials(bank)) == MAX_CREDENTIALS


async def test_a_passkey_that_ended_opens_nothing(bank: Bank, browser: Browser) -> None:
    """Nor do the sessions that it opened go on."""
    await add(browser, "second")
    first = next(c for c in credentials(bank) if c.label == "First passkey")
    async with bank.browser() as other:
        other.keys.passkeys = browser.keys.passkeys
        assert (await other.log_in(which=1)).status == 303
        page = await other.look(way(first))
        assert "End it" in page.text
        done = await other.send(way(first) + "/end", {"csrf": page.csrf})
        assert done.where == "/account?done=ended"
        assert (await other.look("/account")).status == 200
    assert (await browser.look("/account")).status == 303, "it came in by the first one"
    assert (await browser.log_in(which=0)).status == 400
    assert (await browser.log_in(which=1)).status == 303


async def test_the_last_way_in_stays(bank: Bank, browser: Browser) -> None:
    (only,) = credentials(bank)
    assert "End it" in (await browser.look(way(only))).text, "there are codes left"
    for code in bank.memory.of_person(BIANCA):
        if isinstance(code, RecoveryCode):
            bank.memory.put(replace(code, used_at_us=1))
    page = await browser.look("/account")
    assert "You have none left" in page.text
    await browser.send("/account/keys/new", {"csrf": page.csrf, "key": KEY})
    page = await browser.look(way(only))
    assert "last way into this account" in page.text, "a program's key adds no passkeys"
    refused = await browser.send(way(only) + "/end", {"csrf": page.csrf})
    assert refused.status == 409
    assert not credentials(bank)[0].ended_at_us


async def test_what_ended_meanwhile_stays_ended(bank: Bank, browser: Browser) -> None:
    """A log-in, or a look, that was read before and is written after."""
    (only,) = credentials(bank)
    ended = replace(only, ended_at_us=bank.clock.now_us())
    page = await browser.look("/again")
    bank.engine.before.append(KeepRow(bank.clock.now_us(), ended))
    await browser.press(page, "/again", assertion=browser.keys.get(page.options))
    assert credentials(bank)[0].ended_at_us
    assert (await browser.look("/account")).status == 303, "nobody is in by it"


@pytest.mark.parametrize("token", ["", "0" * 32, "\u00e9" * 32, "\0"])
async def test_a_form_with_another_token_is_refused(browser: Browser, token: str) -> None:
    assert (await browser.send("/logout", {"csrf": token})).status == 403
    parts = {"csrf": (None, token.encode("latin-1")), "file": ("request", b"x")}
    assert (await browser.http.post("/pay", files=parts)).status_code == 403
    assert (await browser.look("/account")).status == 200


async def test_a_look_does_not_bring_a_session_back(bank: Bank, browser: Browser) -> None:
    (session,) = (r for r in bank.memory.of_person(BIANCA) if isinstance(r, Session))
    waiting = []
    bank.engine.submit = waiting.append  # type: ignore[method-assign]
    bank.pass_time(IDLE_US // 2)
    assert (await browser.look("/account")).status == 200
    kept = browser.http.cookies[COOKIE]
    csrf = (await browser.look("/account")).csrf
    await browser.send(f"/account/sessions/{mark(session.id)}/end", {"csrf": csrf})
    browser.http.cookies.set(COOKIE, kept, "bank.example")
    for make in waiting:
        await bank.engine.ask(make)
    assert (await browser.look("/account")).status == 303


async def test_sessions_are_ended_from_elsewhere(bank: Bank, browser: Browser) -> None:
    async with bank.browser() as left, bank.browser() as third:
        for one in (left, third):
            one.keys.passkeys = browser.keys.passkeys
            assert (await one.log_in()).status == 303
        page = await browser.look("/account")
        ends = page.links("/account/sessions/")
        assert len(ends) == 3, "two others, and all of them"
        newest = max(
            (r for r in bank.memory.of_person(BIANCA) if isinstance(r, Session)),
            key=lambda r: r.created_at_us,
        )
        await browser.send(f"/account/sessions/{mark(newest.id)}/end", {"csrf": page.csrf})
        assert (await third.look("/account")).status == 303
        assert (await left.look("/account")).status == 200
        await browser.send("/account/sessions/end", {"csrf": page.csrf})
        assert (await left.look("/account")).status == 303
        assert (await browser.look("/account")).status == 200


async def test_others_ids_are_like_unknown_ones(bank: Bank, browser: Browser) -> None:
    async with bank.browser() as other:
        other.keys.label = "mallory"
        await other.join(bank.invite("mallory"))
        (hers,) = credentials(bank)
        (session,) = (r for r in bank.memory.of_person(BIANCA) if isinstance(r, Session))
        csrf = (await other.look("/account")).csrf
        unknown = await other.look("/account/ways/" + "0" * 16)
        assert (await other.look(way(hers))).answer.text == unknown.answer.text
        assert unknown.status == 404
        assert (await other.send(way(hers) + "/end", {"csrf": csrf})).status == 404
        assert (await other.send(way(hers), {"csrf": csrf, "label": "x"})).status == 404
        await other.send(f"/account/sessions/{mark(session.id)}/end", {"csrf": csrf})
    assert (await browser.look("/account")).status == 200
    assert [c.label for c in credentials(bank)] == ["First passkey"]


async def test_a_programs_key(bank: Bank, browser: Browser) -> None:
    page = await browser.look("/account/keys/new")
    for bad in ("", PUBLIC.hex(), KEY[:-1], KEY + "0000", "g" * 64, KEY[:20] + "ß"):
        refused = await browser.press(page, "/account/keys/new", key=bad)
        assert refused.status == 400 and "cannot be added" in refused.text
    done = await browser.press(page, "/account/keys/new", key=KEY + "\n", label="till")
    assert done.where == "/account?done=key"
    added = next(c for c in credentials(bank) if c.kind is CredentialKind.KEY)
    assert added.id == added.public_key == PUBLIC and added.label == "till"
    again = await browser.press(page, "/account/keys/new", key=KEY)
    assert again.status == 400 and "added before" in again.text
    await browser.send(way(added) + "/end", {"csrf": page.csrf})
    assert PUBLIC.hex()[:16] not in (await browser.look("/account")).text


async def test_new_codes_end_the_old_ones(bank: Bank, browser: Browser) -> None:
    page = await browser.look("/account/codes")
    first = await browser.press(page, "/account/codes")
    second = await browser.press(page, "/account/codes")
    assert len({*first.codes, *second.codes}) == 20
    assert "Cache-Control" in second.answer.headers
    assert second.answer.headers["cache-control"] == "no-store", "they are shown once"
    recover = partial(browser.send, "/recover")
    assert (await recover({"name": "bianca", "code": first.codes[0]})).status == 400
    assert (await recover({"name": "bianca", "code": second.codes[0]})).status == 303
