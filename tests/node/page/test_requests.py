"""Requests on their payer's page: seen, approved, denied, and refused to everybody else."""

import json
from base64 import b64decode, b64encode
from collections.abc import Callable
from dataclasses import replace

import pytest
from webauthn.helpers import bytes_to_base64url

from node.command.browsing.authenticator import text_of
from node.control.receipts import confirmation_receipt
from node.core.people.rows import ConfirmationPhase, Credential, Person
from node.page import shown
from proto.approval import Approval, challenge, read_approval
from proto.levels import Level
from proto.limits import US
from proto.receipt_check import RestsOn
from tests.node.page.house import EUR, ORIGIN, House, approve, brought, form_of


@pytest.fixture
async def ada(home: House) -> Person:
    return await home.person("ada", paid_in=500)


@pytest.fixture
async def bob(home: House) -> Person:
    return await home.person("bob", limit=10)


# ---------------------------------------------------------------- from the list to the outcome


async def test_a_request_is_looked_at_approved_and_paid(
    home: House, ada: Person, bob: Person
) -> None:
    where = await brought(home, ada, await home.asks(bob, amount=120, description="two chairs"))
    async with home.browser(ada) as browser:
        front = await browser.look("/")
        assert "One request waits for you" in front.text and "Bob at harbour" in front.text
        page = await browser.look(where)
        for text in ("Pay Bob at harbour?", "two chairs", "Total debit at most120 EUR",
                     "You have never paid this payee", "500 EUR now, at least 380 EUR after it",
                     "Tries may begin until", "booked within this node", "expires"):  # fmt: skip
            assert text.lower() in page.text.lower(), text
        assert home.confirmation(bytes.fromhex(where[-32:])).phase is ConfirmationPhase.PRESENTED
        done = await approve(browser, where)
        assert (done.status, done.where) == (303, where)
        outcome = await browser.look(where)
        assert "Paid120 EUR to Bob at harbour" in outcome.text
        assert shown.RESTS_ON[RestsOn.IN_HOUSE.value] in outcome.text
        file = await browser.look(where + "/receipt")
        assert file.answer.headers["content-disposition"].startswith("attachment;")
        row = home.confirmation(bytes.fromhex(where[-32:]))
        assert file.answer.content == confirmation_receipt(home.context, row).encode()
        front = await browser.look("/")
        assert "You paid 120 EUR to Bob at harbour: two chairs" in front.text
    assert (home.purse(ada).balance, home.purse(bob).balance) == (380, 120)
    async with home.browser(bob) as browser:
        front = await browser.look("/")
        assert "You received 120 EUR: two chairs" in front.text
        assert "Ada" not in front.text  # a payee learns of no payer


async def test_denied_it_is_as_if_nobody_had_asked(home: House, ada: Person, bob: Person) -> None:
    where = await brought(home, ada, await home.asks(bob))
    async with home.browser(ada) as browser:
        page = await browser.look(where)
        done = await browser.send(where + "/deny", form_of(page, where + "/deny"))
        assert done.where == where
        assert "nothing was promised" in (await browser.look(where)).text
        again = await browser.send(where + "/deny", form_of(page, where + "/deny"))
        assert again.status == 303
        late = await browser.send(where + "/approve", {**page.hidden, "assertion": "{}"})
        assert late.status == 303  # it shows how it stands
    assert home.confirmation(bytes.fromhex(where[-32:])).phase is ConfirmationPhase.DENIED
    assert home.purse(ada).balance == 500 and not home.purse(ada).reserved


async def test_a_form_that_is_sent_twice_pays_once(home: House, ada: Person, bob: Person) -> None:
    where = await brought(home, ada, await home.asks(bob, amount=120))
    async with home.browser(ada) as browser:
        page = await browser.look(where)
        fields = {**page.hidden, "assertion": browser.keys.get(page.options)}
        for _ in range(2):
            done = await browser.send(where + "/approve", fields)
            assert (done.status, done.where) == (303, where)
    assert home.purse(ada).balance == 380


# ---------------------------------------------------------------- what is approved is what is paid

FLIPS: dict[str, Callable[[Approval], Approval]] = {
    "request_hash": lambda a: replace(a, request_hash=bytes(32)),
    "person": lambda a: replace(a, person=bytes(16)),
    "brand": lambda a: replace(a, brand=bytes(16)),
    "total_debit_max": lambda a: replace(a, total_debit_max=a.total_debit_max + 1),
    "fee_max": lambda a: replace(a, fee_max=a.fee_max + 1),
    "first_levels": lambda a: replace(a, first_levels=frozenset({Level.PROXY})),
    "valid_until_us": lambda a: replace(a, valid_until_us=a.valid_until_us + 1),
    "approval_id": lambda a: replace(a, approval_id=bytes(16)),
    "attempts_max": lambda a: replace(a, attempts_max=a.attempts_max + 1),
    "rp_id": lambda a: replace(a, rp_id="bank.evil.example"),
}


@pytest.mark.parametrize("field", FLIPS)
async def test_every_field_of_an_approval_is_under_the_passkey(
    home: House, ada: Person, bob: Person, field: str
) -> None:
    where = await brought(home, ada, await home.asks(bob, amount=120))
    async with home.browser(ada) as browser:
        page = await browser.look(where)
        approval = read_approval(b64decode(page.hidden["approval"]))
        assert (approval.total_debit_max, approval.rp_id) == (120, "bank.example")
        flipped = b64encode(FLIPS[field](approval).encode()).decode()
        done = await approve(browser, where, approval=flipped)
        assert done.status == 409 and "Nothing was done" in done.text
    assert home.purse(ada).balance == 500 and not home.purse(ada).reserved


@pytest.mark.parametrize("field", ("request_hash", "person", "brand", "approval_id", "total"))
async def test_nor_does_a_passkey_that_signs_another_one_help(
    home: House, ada: Person, bob: Person, field: str
) -> None:
    """A browser that was taken over signs what it likes: it still is not this request."""
    where = await brought(home, ada, await home.asks(bob, amount=120))
    flip = FLIPS.get(field, lambda a: replace(a, total_debit_max=119))
    async with home.browser(ada) as browser:
        page = await browser.look(where)
        approval = flip(read_approval(b64decode(page.hidden["approval"]))).encode()
        asked_for = b64decode(page.hidden["approval"])
        old, new = text_of(challenge(asked_for)), text_of(challenge(approval))
        assert old in page.options
        done = await approve(
            browser, where, approval=b64encode(approval).decode(),
            options=page.options.replace(old, new),
        )  # fmt: skip
        assert done.status in (404, 409) and "Nothing was promised" in done.text
    assert home.purse(ada).balance == 500 and not home.purse(ada).reserved


async def test_anothers_approval_is_none(home: House, ada: Person, bob: Person) -> None:
    carol = await home.person("carol", paid_in=500)
    where = await brought(home, ada, await home.asks(bob, amount=120))
    async with home.browser(ada) as hers, home.browser(carol) as theirs:
        page = await hers.look(where)
        # The stolen form, by the thief's own passkey.
        foreign = theirs.keys.get(page.options, handle=carol.id)
        done = await hers.send(where + "/approve", {**page.hidden, "assertion": foreign})
        assert done.status == 409
    assert home.purse(ada).balance == 500 and home.purse(carol).balance == 500


@pytest.mark.parametrize("approval", ("", "AAAA", "*", "A" * 20_000, b64encode(b"x" * 64).decode()))
async def test_what_is_no_approval_is_refused(
    home: House, ada: Person, bob: Person, approval: str
) -> None:
    where = await brought(home, ada, await home.asks(bob))
    async with home.browser(ada) as browser:
        done = await approve(browser, where, approval=approval)
        assert done.status in (403, 409)
    assert home.purse(ada).balance == 500


async def test_a_session_by_recovery_code_looks_and_denies(
    home: House, ada: Person, bob: Person
) -> None:
    where = await brought(home, ada, await home.asks(bob))
    async with home.browser(ada, by_code=True) as browser:
        page = await browser.look(where)
        assert "approving takes a passkey" in page.text and "data-passkey" not in page.answer.text
        fields = form_of(page, where + "/deny")
        done = await browser.send(where + "/approve", {**fields, "approval": "", "assertion": ""})
        assert done.status == 409 and "recovery code" in done.text
        assert (await browser.send(where + "/deny", fields)).status == 303


async def test_a_passkey_that_rests_is_not_asked_and_approves_nothing(
    home: House, ada: Person, bob: Person
) -> None:
    where = await brought(home, ada, await home.asks(bob))
    async with home.browser(ada) as browser, home.browser(ada) as other:
        able, resting = (
            row for row in home.context.engine.memory.of_person(ada.id)
            if isinstance(row, Credential)
        )  # fmt: skip
        if resting.id != other.keys.passkeys[0].id:
            able, resting = resting, able
        until_us = home.clock.now_us() + 60 * US
        await home.keep(replace(resting, rests_until_us=until_us))
        for seen in (browser, other):
            assert "A passkey came by a recovery code" in (await seen.look("/")).text
        page = await other.look(where)
        asked = json.loads(page.options)
        assert [c["id"] for c in asked["allowCredentials"]] == [bytes_to_base64url(able.id)]
        whichever = json.dumps({**asked, "allowCredentials": []})
        refused = await approve(other, where, options=whichever, approval=page.hidden["approval"])
        assert refused.status == 409 and "cannot approve yet" in refused.text
        kept = home.context.engine.memory.row(resting.key)
        assert isinstance(kept, Credential)
        assert kept.used_at_us == resting.used_at_us, "nothing was begun for it, a seat neither"
        home.clock.at_us = until_us
        assert (await approve(other, where)).status == 303


# ---------------------------------------------------------------- who may see it, who may answer


async def test_anothers_request_unknown_ones_and_no_ids_are_one_answer(
    home: House, ada: Person, bob: Person
) -> None:
    carol = await home.person("carol")
    where = await brought(home, ada, await home.asks(bob))
    unknown = await home.context.confirmations.bring(await home.asks(bob), name="nobody")
    paths = [where, f"/requests/{unknown.id.hex()}", "/requests/" + "0" * 32, "/requests/x",
             "/requests/" + where[-32:].upper()]  # fmt: skip
    async with home.browser(carol) as browser:
        answers = {(await browser.look(path)).answer.text for path in paths}
        assert len(answers) == 1 and "There is nothing here" in answers.pop()
        csrf = form_of(await browser.look("/pay"), "/pay")
        for path in paths:
            for end in ("/approve", "/deny"):
                assert (await browser.send(path + end, csrf)).status == 404
            for end in ("/receipt", "/certificate", "/return"):
                assert (await browser.look(path + end)).status == 404
    assert home.confirmation(bytes.fromhex(where[-32:])).phase is ConfirmationPhase.RECEIVED


async def test_who_opens_a_request_without_a_name_first_has_it(
    home: House, ada: Person, bob: Person
) -> None:
    carol = await home.person("carol")
    made = await home.context.confirmations.bring(await home.asks(bob))
    where = f"/requests/{made.id.hex()}"
    async with home.browser(ada) as first, home.browser(carol) as second:
        assert (await first.look(where)).status == 200
        assert (await second.look(where)).status == 404
        assert (await first.look(where)).status == 200


CSRF: dict[str, tuple[dict[str, str], dict[str, str]]] = {
    "no token": ({"csrf": ""}, {}),
    "another session's": ({"csrf": "0" * 32}, {}),
    "another origin": ({}, {"origin": "https://evil.example"}),
    "another site": ({}, {"sec-fetch-site": "cross-site"}),
    "a neighbour": ({}, {"sec-fetch-site": "same-site"}),
    "as text": ({}, {"content-type": "text/plain"}),
}


@pytest.mark.parametrize("how", CSRF)
async def test_forms_of_other_sites_are_not_taken(
    home: House, ada: Person, bob: Person, how: str
) -> None:
    fields, headers = CSRF[how]
    where = await brought(home, ada, await home.asks(bob))
    async with home.browser(ada) as browser:
        page = await browser.look(where)
        form = {**page.hidden, "assertion": browser.keys.get(page.options), **fields}
        for end in ("/approve", "/deny"):
            answer = await browser.http.post(where + end, data=form, headers=headers)
            assert answer.status_code == 403, answer.text
    assert home.confirmation(bytes.fromhex(where[-32:])).phase is ConfirmationPhase.PRESENTED


async def test_a_form_of_another_site_does_not_even_claim(
    home: House, ada: Person, bob: Person
) -> None:
    made = await home.context.confirmations.bring(await home.asks(bob))
    async with home.browser(ada) as browser:
        for end in ("/approve", "/deny"):
            path = f"/requests/{made.id.hex()}{end}"
            assert (await browser.send(path, {"csrf": "0" * 32})).status == 403
    row = home.confirmation(made.id)
    assert (row.person, row.phase) == (b"", ConfirmationPhase.RECEIVED)


async def test_nobody_is_asked_to_log_in_by_a_link_with_an_answer(
    home: House, ada: Person, bob: Person
) -> None:
    where = await brought(home, ada, await home.asks(bob))
    async with home.stranger() as http:
        landed = await http.get("/a/" + where[-32:])
        assert landed.status_code == 200 and landed.headers["refresh"] == f"0; url={where}"
        assert ORIGIN in landed.text and "bob" not in landed.text.lower()
        unknown = await http.get("/a/" + "0" * 32)
        same = landed.text.replace(where[-32:], "0" * 32)
        assert unknown.text == same and (await http.get("/a/none")).status_code == 404
        answer = await http.get(where)
        assert answer.headers["location"] == f"/login?next=%2Frequests%2F{where[-32:]}"
        assert (await http.get(where + "/approve")).status_code == 405


@pytest.mark.parametrize("change", [{"name": "crumbs"}, {"unit": 10}, {"issuer": bytes(32)}])
async def test_what_bears_the_id_of_a_brand_and_another_name_cannot_be_paid(
    home: House, ada: Person, change: dict[str, object]
) -> None:
    brand = replace(EUR, **change)  # type: ignore[arg-type]
    where = await brought(home, ada, home.foreign(brand=brand))
    async with home.browser(ada) as browser:
        page = await browser.look(where)
        assert "gives a unit another name than it has here" in page.text
        assert "Approve with your passkey" not in page.text
