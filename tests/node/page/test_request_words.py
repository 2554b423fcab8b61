"""What a request says on its payer's page: strangers' words, amounts, standing approvals, ways."""

import pytest

from node.core.people.rows import Confirmation, KnownDomain, KnownRequester, Person
from proto.interaction import interaction_hash
from proto.keys import SigningKey
from proto.request import countersign, to_text
from proto.request_parts import Requester
from tests.node.page.bank import Page
from tests.node.page.house import ORIGIN, House, approve, brought, form_of

SHOP = SigningKey(b"\7" * 32)
NASTY = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>{{ 7*7 }}"


@pytest.fixture
async def ada(home: House) -> Person:
    return await home.person("ada", paid_in=500)


@pytest.fixture
async def bob(home: House) -> Person:
    return await home.person("bob", limit=10)


# ---------------------------------------------------------------- what strangers write


async def test_what_strangers_wrote_is_text(home: House, ada: Person) -> None:
    signed = home.foreign(
        "shop", payee_alias=NASTY[:64], description=NASTY, domain="shop.example",
        refund_to=NASTY, requester=Requester(SHOP.public, NASTY[:64]),
    )  # fmt: skip
    where = await brought(home, ada, countersign(SHOP, signed))
    async with home.browser(ada) as browser:
        for path in (
            where,
            "/",
            "/requests",
            f"/pay/mine?request={to_text(countersign(SHOP, signed))}",
        ):
            page = await browser.look(path)
            assert page.status == 200
            text = page.answer.text
            assert "<script>alert" not in text and "<img src=x" not in text, path
            assert ("&lt;script&gt;alert(1)" in text and "{{ 7*7 }}" in text) or path == "/requests"


async def test_a_name_that_was_paid_under_another_key_is_loud(
    home: House, ada: Person, bob: Person
) -> None:
    first = await brought(home, ada, await home.asks(bob, amount=1))
    again = await brought(home, ada, await home.asks(bob, amount=2))
    fake = await brought(home, ada, home.foreign("thief", payee_alias="BOB at harbour"))
    async with home.browser(ada) as browser:
        assert "You have never paid this payee" in (await browser.look(first)).text
        assert (await approve(browser, first)).status == 303
        assert "Look twice" not in (await browser.look(again)).text
        page = await browser.look(fake)
        assert "Stop and look. You have paid “Bob at harbour” before" in page.text
        assert "that was another key" in page.text


async def test_a_domain_is_shown_as_our_own_look_up_found_it(home: House, ada: Person) -> None:
    where = await brought(home, ada, home.foreign("shop", domain="shop.example"))
    async with home.browser(ada) as browser:
        page = await browser.look(where)
        assert "✗ shop.example, which does not confirm it" in page.text
        assert "shop.example" not in (await browser.look("/")).text
        payee = home.confirmation(bytes.fromhex(where[-32:])).payee
        await home.keep(KnownDomain(payee, "shop.example", True, home.clock.now_us()))
        page = await browser.look(where)
        assert "✓ shop.example, and this node has looked" in page.text
        assert "shop.example ✓ checked" in (await browser.look("/")).text


async def test_no_way_and_too_little_money_are_said_in_words(
    home: House, ada: Person, bob: Person
) -> None:
    nowhere = await brought(home, ada, home.foreign("shop"))
    dear = await brought(home, ada, await home.asks(bob, amount=501))
    own = await brought(home, bob, await home.asks(bob, amount=5))
    async with home.browser(ada) as browser:
        page = await browser.look(nowhere)
        assert "No way to this payee was found" in page.text
        assert "data-passkey" not in page.answer.text and "Deny" in page.text
        page = await browser.look(dear)
        assert "1 EUR short" in page.text and "data-passkey" not in page.answer.text
    async with home.browser(bob) as browser:
        page = await browser.look(own)
        assert "This is your own request" in page.text and "data-passkey" not in page.answer.text


async def test_a_request_that_has_expired_says_so(home: House, ada: Person, bob: Person) -> None:
    where = await brought(home, ada, await home.asks(bob, expires_s=60))
    async with home.browser(ada) as browser:
        page = await browser.look(where)
        home.clock.at_us += 61_000_000
        fields = {**page.hidden, "assertion": browser.keys.get(page.options)}
        late = await browser.send(where + "/approve", fields)
        assert late.status == 303, "to the page that says what became of it"
        assert "expired" in (await browser.look(where)).text
    assert home.purse(ada).balance == 500 and not home.purse(ada).reserved


# ---------------------------------------------------------------- amounts that the payer chooses


async def test_the_payer_chooses_the_amount(home: House, ada: Person, bob: Person) -> None:
    signed = await home.asks(bob, amount=100, amount_min=20)
    where = await brought(home, ada, signed)
    async with home.browser(ada) as browser:
        page = await browser.look(where)
        assert "from 20 to 100 EUR" in page.text and "data-passkey" not in page.answer.text
        for wrong in ("19", "101", "ten", "-20", "2e1", "٢٠", "9" * 30):
            page = await browser.look(f"{where}?amount={wrong}")
            assert page.status == 200 and 'role="alert"' in page.answer.text, wrong
            assert "data-passkey" not in page.answer.text
        page = await browser.look(f"{where}?amount=42")
        assert "Total debit at most42 EUR" in page.text
        fields = {**page.hidden, "assertion": browser.keys.get(page.options)}
        assert (await browser.send(where + "/approve", fields)).status == 303
    assert home.purse(bob).balance == 42


# ---------------------------------------------------------------- standing approvals


async def test_a_standing_approval_is_said_in_words_and_ended_at_once(
    home: House, ada: Person, bob: Person
) -> None:
    terms = {"per_payment": 10, "period_s": 86_400, "per_period": 30, "total": 90,
             "lasts_s": 7 * 86_400}  # fmt: skip
    where = await brought(home, ada, await home.asks(bob, amount=5, mandate=terms))
    async with home.browser(ada) as browser:
        page = await browser.look(where)
        for text in ("standing approval", "at most 10 EUR each time", "at most 30 EUR in 1 day",
                     "at most 90 EUR in all", "without asking you again"):  # fmt: skip
            assert text in page.text, text
        assert (await approve(browser, where)).status == 303
        listed = await browser.look("/mandates")
        assert "Bob at harbour" in listed.text and "End it now" in listed.text
        (row,) = home.context.confirmations.mandates_of(ada.id)
        end = f"/mandates/{row.id.hex()}/revoke"
        carol = await home.person("carol")
        async with home.browser(carol) as other:
            csrf = form_of(await other.look("/pay"), "/pay")
            assert (await other.send(end, csrf)).status == 404
        assert not home.context.confirmations.mandates_of(ada.id)[0].revoked_at_us
        assert (await browser.send(end, {"csrf": ""})).status == 403
        assert (await browser.send(end, form_of(listed, end))).where == "/mandates"
        assert "you ended it" in (await browser.look("/mandates")).text
    assert home.context.confirmations.mandates_of(ada.id)[0].revoked_at_us


# ---------------------------------------------------------------- the way back

RETURN = "https://shop.example/thanks?basket=7"


async def returned(
    home: House, ada: Person, bob: Person, registered: str
) -> tuple[Page, Confirmation]:
    """A denied request of a shop whose way back is `registered`, and its answer to /return."""
    await home.keep(KnownRequester(SHOP.public, "Shop", f"return {registered}", 1))
    requester = {"key": SHOP.public.hex(), "name": "Shop", "return_url": RETURN}
    signed = countersign(SHOP, await home.asks(bob, requester=requester))
    made = await home.context.confirmations.bring(
        signed, SHOP.public, "ada", nonce=b"\5" * 32, state="basket 7"
    )
    where = f"/requests/{made.id.hex()}"
    async with home.browser(ada) as browser:
        page = await browser.look(where)
        assert (await browser.look(where + "/return")).status == 404  # not answered yet
        await browser.send(where + "/deny", form_of(page, where + "/deny"))
        outcome = await browser.look(where)
        back = await browser.look(where + "/return")
        assert (back.status == 303) == ("/return" in outcome.answer.text)
        return back, home.confirmation(made.id)


async def test_the_way_back_has_state_and_hash_alone(home: House, ada: Person, bob: Person) -> None:
    back, row = await returned(home, ada, bob, RETURN)
    nonce = home.context.confirmations.marks.nonce_of(row.id)
    proof = interaction_hash(b"\5" * 32, nonce, row.id, ORIGIN + "/back/requests")
    assert back.where == f"{RETURN}&state=basket%207&hash={proof}"


async def test_no_way_leads_to_an_url_that_nobody_registered(
    home: House, ada: Person, bob: Person
) -> None:
    back, _ = await returned(home, ada, bob, "https://shop.example/other")
    assert back.status == 404 and not back.where
