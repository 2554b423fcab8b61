"""Who has lost his passkeys comes in by a code; who has stolen codes does not come far."""

from node.core.escrow.events import KeepRow
from node.core.keyed import replace
from node.core.people.rows import Credential, CredentialKind, Session
from node.page.visits import mark
from node.page_config import REST_HOURS
from proto.limits import US
from tests.node.page.bank import Bank, Browser
from tests.node.page.bianca import BIANCA, joined, rows


async def test_a_code_lets_in_once_to_make_a_passkey(bank: Bank, browser: Browser) -> None:
    codes = await joined(bank, browser)
    async with bank.browser() as other:
        typed = codes[3].upper().replace("-", " ").replace("0", "O").replace("1", "l")
        entered = await other.send("/recover", {"name": " Bianca ", "code": typed})
        assert (entered.status, entered.where) == (303, "/account/passkeys/new")
        assert "Until then nothing can be approved" in (await other.look("/account")).text
        assert (await other.look("/account/codes")).status == 403
        other.keys.label = "new phone"
        page = await other.look("/account/passkeys/new")
        made = other.keys.create(page.options)
        done = await other.press(page, "/account/passkeys/new", assertion=made, label="New phone")
        assert done.where == "/account?done=added"
        account = await other.look("/account?done=added")
        assert "New phone" in account.text and "You came in by" not in account.text
        assert "9 of your codes" in account.text
        again = await other.send("/recover", {"name": "bianca", "code": codes[3]})
        assert again.status == 400
    assert sum(not s.by and not s.ended_at_us for s in rows(bank, Session)) == 0


async def by_code(other: Browser, code: str, label: str) -> Credential:
    """A passkey that somebody added who knows a name and a code."""
    await other.send("/recover", {"name": "bianca", "code": code})
    other.keys.label = label
    page = await other.look("/account/passkeys/new")
    made = other.keys.create(page.options)
    await other.press(page, "/account/passkeys/new", assertion=made, label=label)
    return Credential(BIANCA, other.keys.passkeys[-1].id, CredentialKind.PASSKEY, b"", label, 0)


async def test_a_passkey_by_a_code_rests_while_somebody_may_object(
    bank: Bank, browser: Browser
) -> None:
    """A stolen sheet of codes: whoever has it sees, and its owner has a day to end it."""
    codes = await joined(bank, browser)
    async with bank.browser() as thief:
        added = await by_code(thief, codes[0], "thief's phone")
        way = f"/account/ways/{mark(added.id)}"
        for path in ("/account/codes", "/account/keys/new", "/account/passkeys/new", way):
            page = await thief.look(path)
            assert page.status == 403 and "Another passkey is needed" in page.text, path
        assert "It is the one you use" in (await thief.look("/account")).text
        (resting,) = (c for c in rows(bank, Credential) if c.rests_until_us)
        assert resting.rests_until_us > bank.clock.now_us() + (REST_HOURS * 3600 - 1) * US
        for path in ("/account", "/account/keys/new", "/account/codes", way):
            page = await browser.look(path)
            assert "A passkey came by a recovery code" in page.text and "end it" in page.text
        await browser.press(await browser.look(way), way + "/end")
        assert (await thief.look("/account")).where.startswith("/login")
    assert "recovery code</h2>" not in (await browser.look("/account")).text


async def test_it_may_approve_when_nobody_has_objected(bank: Bank, browser: Browser) -> None:
    codes = await joined(bank, browser)
    async with bank.browser() as other:
        await by_code(other, codes[0], "new phone")
        bank.pass_time(REST_HOURS * 3600 * US)
        await other.log_in()
        assert (await other.look("/account/codes")).status == 200
        assert "came by a recovery code" not in (await other.look("/account")).text


async def test_who_has_lost_all_goes_on_at_once(bank: Bank, browser: Browser) -> None:
    codes = await joined(bank, browser)
    (first,) = rows(bank, Credential)
    await bank.context.do(lambda at: KeepRow(at, replace(first, ended_at_us=at)))
    async with bank.browser() as other:
        await by_code(other, codes[0], "new phone")
        assert (await other.look("/account/codes")).status == 200
    assert [c.rests_until_us for c in rows(bank, Credential)] == [0, 0]


async def test_who_guesses_learns_nothing(bank: Bank, browser: Browser) -> None:
    codes = await joined(bank, browser)
    bank.invite("mallory")
    answers = []
    for name, code in (("bianca", "0" * 16), ("nobody", "0" * 16), ("nobody", codes[0]), ("", "")):
        page = await browser.send("/recover", {"name": name, "code": code})
        answers.append((page.status, page.answer.text.replace(f'value="{name}"', 'value=""')))
        assert "set-cookie" not in page.answer.headers
    assert len(set(answers)) == 1 and answers[0][0] == 400
