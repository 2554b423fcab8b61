"""People come in at a node's page: by an invitation, a passkey, a code; and others do not."""

import pytest

from node.core.people.rows import (
    Credential,
    Person,
    PersonPhase,
    Purse,
    RecoveryCode,
    person_id,
)
from node.page.visits import COOKIE, FRESH_US, IDLE_US, LIFE_US
from node.people.passkeys import ANSWER_US
from tests.node.page.bank import EUR, ORIGIN, WEEK_US, Bank, Browser
from tests.node.page.bianca import BIANCA, joined, rows

# ---------------------------------------------------------------- by an invitation


async def test_an_invitation_becomes_an_account(bank: Bank, browser: Browser) -> None:
    path = bank.invite("bianca")
    page = await browser.look(path)
    assert "Welcome, Bianca" in page.text and "500 EUR" in page.text
    done = await browser.join(path)
    assert "Now write these down" in done.text and len(set(done.codes)) == 10
    person = bank.memory.row((Person.table, BIANCA, b""))
    assert isinstance(person, Person) and person.phase is PersonPhase.ACTIVE
    (purse,) = rows(bank, Purse)
    assert (purse.brand, purse.limit, purse.balance) == (EUR, 500, 0)
    (credential,) = rows(bank, Credential)
    assert credential.id == browser.keys.passkeys[0].id
    assert len(rows(bank, RecoveryCode)) == 10
    account = await browser.look("/account")
    assert "First passkey" in account.text and "10 of your codes are unused" in account.text


async def test_it_is_taken_up_once(bank: Bank, browser: Browser) -> None:
    path = bank.invite("bianca")
    page = await browser.look(path)
    assertion = browser.keys.create(page.options)
    assert (await browser.press(page, path, assertion=assertion)).status == 200
    again = await browser.press(page, path, assertion=assertion)
    assert again.status == 404 and "another one" in again.text
    assert len(rows(bank, Credential)) == 1


async def test_it_ends(bank: Bank, browser: Browser) -> None:
    path = bank.invite("bianca")
    bank.pass_time(WEEK_US)
    assert (await browser.look(path)).status == 404
    assert (await browser.look("/join/" + "0" * 32)).status == 404
    assert (await browser.look("/join/" + "a" * 5000)).status == 404


async def test_a_second_invitation_is_a_way_back_in(bank: Bank, browser: Browser) -> None:
    codes = await joined(bank, browser)
    path = bank.invite("bianca")
    async with bank.browser() as other:
        page = await other.look(path)
        assert "new way into your account" in page.text
        other.keys.label = "new phone"
        assert (await other.join(path)).status == 200
        assert len(rows(bank, Credential)) == 2 and len(rows(bank, Purse)) == 1
        refused = await other.send("/recover", {"name": "bianca", "code": codes[0]})
        assert refused.status == 400, "the codes before are worth nothing"


async def test_a_passkey_made_for_one_invitation_opens_no_other(
    bank: Bank, browser: Browser
) -> None:
    first, second = bank.invite("bianca"), bank.invite("mallory")
    page = await browser.look(first)
    made = browser.keys.create(page.options)
    refused = await browser.send(second, {**page.hidden, "assertion": made})
    assert refused.status == 400 and "Nothing was done" in refused.text
    assert bank.memory.row((Person.table, person_id("mallory"), b"")) is None


# ---------------------------------------------------------------- by a passkey


async def test_logging_in_and_out(bank: Bank, browser: Browser) -> None:
    await joined(bank, browser)
    page = await browser.look("/account")
    out = await browser.send("/logout", {"csrf": page.csrf})
    assert (out.status, out.where) == (303, "/login")
    assert (await browser.look("/account")).where == "/login?next=%2Faccount"
    back = await browser.log_in("/login?next=%2Faccount")
    assert (back.status, back.where) == (303, "/account")
    cookie = back.answer.headers["set-cookie"]
    for word in (COOKIE, "HttpOnly", "Secure", "samesite=strict", "Path=/"):
        assert word.lower() in cookie.lower()
    assert (await browser.look("/account")).status == 200


@pytest.mark.parametrize(
    "where", ["//evil.example", "https://evil.example", "/\\evil.example", "evil", "/a\nb"]
)
async def test_a_login_leads_nowhere_else(bank: Bank, browser: Browser, where: str) -> None:
    await joined(bank, browser)
    browser.http.cookies.clear()
    page = await browser.look("/login")
    assertion = browser.keys.get(page.options)
    done = await browser.press(page, "/login", assertion=assertion, next=where)
    assert (done.status, done.where) == (303, "/")


async def test_an_answer_counts_once(bank: Bank, browser: Browser) -> None:
    """Also where the authenticator has no counter, and after the session is over."""
    await joined(bank, browser)
    page = await browser.look("/account")
    await browser.send("/logout", {"csrf": page.csrf})
    page = await browser.look("/login")
    fields = {**page.hidden, "assertion": browser.keys.get(page.options, count=0)}
    assert (await browser.send("/login", fields)).status == 303
    page = await browser.look("/account")
    await browser.send("/logout", {"csrf": page.csrf})
    again = await browser.send("/login", fields)
    assert again.status == 400 and COOKIE not in again.answer.headers.get("set-cookie", "")
    assert "samesite" in again.answer.headers["set-cookie"].lower(), "only the one for asking anew"


async def test_an_answer_is_bound_to_its_browser_and_its_time(bank: Bank, browser: Browser) -> None:
    await joined(bank, browser)
    browser.http.cookies.clear()
    page = await browser.look("/login")
    fields = {**page.hidden, "assertion": browser.keys.get(page.options)}
    async with bank.browser() as thief:
        await thief.look("/login")
        assert (await thief.send("/login", fields)).status == 400
    later = {**fields, "at": str(int(fields["at"]) + 1)}
    assert (await browser.send("/login", later)).status == 400
    bank.pass_time(ANSWER_US)
    late = await browser.send("/login", fields)
    assert late.status == 400 and "too long ago" in late.text


@pytest.mark.parametrize(
    "lies",
    [
        {"origin": "https://bank.example.evil.example"},
        {"origin": "http://bank.example"},
        {"rp_id": "evil.example"},
        {"challenge": "A" * 43},
        {"type": "webauthn.create"},
        {"crossOrigin": True},
        {"topOrigin": "https://evil.example"},
        {"flags": 0x01},
        {"flags": 0x04},
        {"signature": b"\x30\x06\x02\x01\x01\x02\x01\x01"},
        {"handle": bytes(16)},
        {"handle": person_id("mallory")},
        {"count": 0},
        {"count": 7},
    ],
    ids=lambda lies: next(iter(lies)),
)
async def test_no_lie_of_an_authenticator_opens_an_account(
    bank: Bank, browser: Browser, lies: dict[str, object]
) -> None:
    await joined(bank, browser)
    browser.keys.passkeys[0].count = 7
    assert (await browser.log_in("/again")).status == 303
    await joined_mallory(bank)
    browser.http.cookies.clear()
    page = await browser.look("/login")
    assertion = browser.keys.get(page.options, **lies)
    refused = await browser.press(page, "/login", assertion=assertion)
    assert refused.status == 400 and "Nothing was done" in refused.text
    assert (await browser.look("/account")).status == 303, "nobody is in"
    page = await browser.look("/login")
    honest = await browser.press(page, "/login", assertion=browser.keys.get(page.options))
    assert honest.status == 303, "and whoever it is of still gets in"


async def joined_mallory(bank: Bank) -> None:
    async with bank.browser() as other:
        other.keys.label = "mallory"
        await joined(bank, other, "mallory")


@pytest.mark.parametrize(
    "assertion", ["", "{}", "[]", "null", "[" * 9000, "{" * 9000, '{"id": 1}', "\udcff"]
)
async def test_junk_is_refused_in_words(bank: Bank, browser: Browser, assertion: str) -> None:
    page = await browser.look("/login")
    text = assertion.encode(errors="replace").decode()
    refused = await browser.press(page, "/login", assertion=text)
    assert refused.status in (400, 403)
    assert "Nothing was done" in refused.text or "too long" in refused.text
    path = bank.invite("bianca")
    page = await browser.look(path)
    assert (await browser.press(page, path, assertion=text)).status in (400, 403)


@pytest.mark.parametrize(
    "lies",
    [
        {"flags": 0x01},
        {"origin": "https://evil.example"},
        {"rp_id": "evil.example"},
        {"type": "webauthn.get"},
        {"challenge": "A" * 43},
        {"crossOrigin": True},
        {"format": "tpm"},
        {"public_key": b"\xa0"},
        {"public_key": b"\x04" + bytes(64)},
        {"id": b""},
        {"statement": {"sig": b"1"}},
    ],
    ids=lambda lies: "-".join(map(str, lies)),
)
async def test_no_lie_becomes_a_passkey(
    bank: Bank, browser: Browser, lies: dict[str, object]
) -> None:
    path = bank.invite("bianca")
    page = await browser.look(path)
    made = browser.keys.create(page.options, **lies)
    refused = await browser.press(page, path, assertion=made)
    assert refused.status == 400, refused.text
    assert rows(bank, Credential) == []


async def test_a_closed_account_lets_nobody_in(bank: Bank, browser: Browser) -> None:
    await joined(bank, browser)
    bank.close("bianca")
    assert (await browser.look("/account")).status == 303
    assert (await browser.log_in()).status == 400


async def test_sessions_end_by_themselves(bank: Bank, browser: Browser) -> None:
    await joined(bank, browser)
    for _ in range(LIFE_US // IDLE_US):
        assert (await browser.look("/account")).status == 200
        bank.pass_time(IDLE_US - 60_000_000)
    bank.pass_time(IDLE_US)
    assert (await browser.look("/account")).status == 303


async def test_nothing_comes_from_another_site(bank: Bank, browser: Browser) -> None:
    codes = await joined(bank, browser)
    csrf = (await browser.look("/account")).csrf
    for headers in ({"origin": "https://evil.example"}, {"sec_fetch_site": "same-site"}):
        out = await browser.send("/logout", {"csrf": csrf}, **headers)
        assert out.status == 403 and "Another site" in out.text
        fields = {"name": "bianca", "code": codes[0]}
        assert (await browser.send("/recover", fields, **headers)).status == 403
        assert (await browser.send("/login", {}, **headers)).status == 403
    assert (await browser.send("/logout", {"csrf": "0" * 32})).status == 403
    assert (await browser.send("/logout", {})).status == 403
    assert (await browser.look("/account")).status == 200


# ---------------------------------------------------------------- what only its person may do


async def test_what_opens_an_account_is_changed_by_whoever_was_there_just_now(
    bank: Bank, browser: Browser
) -> None:
    await joined(bank, browser)
    assert (await browser.look("/account/codes")).status == 200
    bank.pass_time(FRESH_US)
    asked = await browser.look("/account/codes")
    assert asked.where == "/again?next=%2Faccount%2Fcodes"
    csrf = (await browser.look("/account")).csrf
    for path in ("/account/codes", "/account/passkeys/new", "/account/keys/new"):
        refused = await browser.send(path, {"csrf": csrf})
        assert refused.where.startswith("/again?next=")
    assert len(rows(bank, RecoveryCode)) == 10
    before = browser.http.cookies[COOKIE]
    assert (await browser.log_in(asked.where)).where == "/account/codes"
    assert browser.http.cookies[COOKIE] != before, "the session before is over"
    page = await browser.look("/account/codes")
    assert len((await browser.press(page, "/account/codes")).codes) == 10


async def test_nobody_shows_anothers_passkey_instead(bank: Bank, browser: Browser) -> None:
    """Somebody at an open browser has a passkey of his own."""
    await joined(bank, browser)
    async with bank.browser() as other:
        other.keys.label = "mallory"
        await joined(bank, other, "mallory")
        bank.pass_time(FRESH_US)
        page = await browser.look("/again?next=/account/codes")
        assertion = other.keys.get(page.options, handle=person_id("mallory"))
        assert (await browser.press(page, "/again", assertion=assertion)).status == 400


async def test_the_headers_are_strict(bank: Bank, browser: Browser) -> None:
    for path in ("/login", "/recover", "/nothing", "/passkey.js"):
        answer = (await browser.look(path)).answer
        policy = answer.headers["content-security-policy"]
        assert "frame-ancestors 'none'" in policy and "unsafe" not in policy
        assert answer.headers["x-frame-options"] == "DENY"
    text = (await browser.look("/login")).answer.text
    assert " style=" not in text and " onclick=" not in text and text.count("<script") == 1
    assert "Harbour &lt;Bank&gt;" in text
    assert ORIGIN in text


async def test_an_icon_is_where_browsers_look_unasked(bank: Bank) -> None:
    """Beside an answer that is no page, and names none."""
    async with bank.browser() as browser:
        found = [await browser.look(path) for path in ("/favicon.ico", "/icon.svg")]
    assert found[0].status == 200 and found[0].text == found[1].text
