"""Asking for money and taking requests in: link, text, file, QR code; and nobody else's."""

from xml.etree import ElementTree

import pytest

from node.core.people.rows import ConfirmationPhase, Person
from node.page.asking import MAX_OPEN, drawn
from node.page.frame import NoForm
from node.page.uploads import read_multipart
from proto.request import MAX_REQUEST_BYTES, from_text, read_request, to_text
from tests.node.page.bank import Browser, Page
from tests.node.page.house import EUR, ORIGIN, House, form_of

WISH = {
    "amount": "120", "brand": EUR.guid.hex(), "least": "", "description": "two chairs",
    "expires": "86400",
}  # fmt: skip


@pytest.fixture
async def ada(home: House) -> Person:
    return await home.person("ada", paid_in=500)


@pytest.fixture
async def bob(home: House) -> Person:
    return await home.person("bob", limit=10)


async def ask(browser: Browser, **changes: str) -> Page:
    page = await browser.look("/ask")
    return await browser.send("/ask", {**form_of(page, "/ask"), **WISH, **changes})


async def take(browser: Browser, **parts: bytes) -> Page:
    """As the form of /pay sends it."""
    fields = form_of(await browser.look("/pay"), "/pay")
    files = {name: (None, value.encode()) for name, value in fields.items()}
    names = {"file": "r.pledgeway-request"}
    files |= {name: (names.get(name), value) for name, value in parts.items()}
    return Page(await browser.http.post("/pay", files=files))


async def test_a_text_that_is_no_request_leads_back_to_the_form(home: House, bob: Person) -> None:
    async with home.browser(bob) as browser:
        for given in (b"a lamp, please", b"pledgeway-request:AAAA", b""):
            page = await take(browser, request=given)
            assert page.status == 400 and 'href="/pay/mine"' in page.answer.text
            assert "request: no" not in page.text, "no name of a field"


async def test_what_is_asked_for_credits_who_asks(home: House, bob: Person) -> None:
    async with home.browser(bob) as browser:
        made = await ask(browser)
        assert made.status == 303 and made.where.startswith("/ask/")
        page = await browser.look(made.where)
        assert "120 EUR" in page.text and "waits to be paid" in page.text
        file = await browser.look(made.where + "/file")
        text = file.answer.text.strip()
        assert text in page.answer.text and f"{ORIGIN}/pay?request=" in page.text
        code = await browser.look(made.where + "/code.svg")
        assert code.answer.headers["content-type"].startswith("image/svg")
        ElementTree.fromstring(code.answer.text)
        assert "style=" not in code.answer.text
        request = read_request(from_text(text), home.clock.now_us())
        assert (request.amount, request.person) == (120, bob.id)
        assert (request.payee_alias, request.description) == ("Bob at harbour", "two chairs")
        back = form_of(page, made.where + "/take-back")
        assert (await browser.send(made.where + "/take-back", back)).status == 303
        page = await browser.look(made.where)
        assert "taken back" in page.text and "pledgeway-request" not in page.text


@pytest.mark.parametrize(
    ("changes", "asked"),
    [
        ({"amount": "1 000"}, (1000, 0)),
        ({"least": "20"}, (120, 20)),
        ({"open": "1", "amount": "", "least": "nothing"}, (2**63 - 1, 1)),
    ],
)
async def test_amounts_that_people_ask_for(
    home: House, bob: Person, changes: dict[str, str], asked: tuple[int, int]
) -> None:
    async with home.browser(bob) as browser:
        made = await ask(browser, **changes)
        text = (await browser.look(made.where + "/file")).answer.text
        request = read_request(from_text(text), home.clock.now_us())
        assert (request.amount, request.amount_min) == asked


@pytest.mark.parametrize(
    "changes",
    [{"amount": ""}, {"amount": "0"}, {"amount": "-1"}, {"amount": "1.5"}, {"amount": "9" * 19},
     {"least": "121"}, {"brand": "00" * 16}, {"expires": "1"}, {"description": "x" * 641},
     {"description": "a\u202eb"}],
)  # fmt: skip
async def test_what_cannot_be_asked_is_said_beside_what_was_written(
    home: House, bob: Person, changes: dict[str, str]
) -> None:
    async with home.browser(bob) as browser:
        page = await ask(browser, **changes)
        assert page.status == 400 and 'role="alert"' in page.answer.text
        assert "two chairs" in page.answer.text or "description" in changes
        assert "Nothing yet" in (await browser.look("/ask")).text


async def test_a_code_session_asks_for_nothing(home: House, bob: Person) -> None:
    async with home.browser(bob) as browser:
        where = (await ask(browser)).where
    async with home.browser(bob, by_code=True) as browser:
        assert (await ask(browser)).status == 409
        back = form_of(await browser.look(where), where + "/take-back")
        refused = await browser.send(where + "/take-back", back)
        assert refused.status == 409 and "Taking a request back" in refused.text


async def test_so_many_wait_and_no_more(home: House, bob: Person) -> None:
    for _ in range(MAX_OPEN):
        await home.asks(bob)
    async with home.browser(bob) as browser:
        full = await ask(browser)
        assert full.status == 409 and "Take some back" in full.text


async def test_a_day_has_its_bound_as_well(
    home: House, bob: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("node.page.asking.MAX_A_DAY", 3)
    async with home.browser(bob) as browser:
        for _ in range(3):
            where = (await ask(browser)).where + "/take-back"
            page = await browser.look(where.removesuffix("/take-back"))
            assert (await browser.send(where, form_of(page, where))).status == 303
        full = await ask(browser)
        assert full.status == 409 and "tomorrow" in full.text


async def test_anothers_request_does_not_exist(home: House, ada: Person, bob: Person) -> None:
    async with home.browser(bob) as browser:
        where = (await ask(browser)).where
    async with home.browser(ada) as other:
        unknown = (await other.look("/ask/" + "0" * 32)).answer.text
        for path in (where, where + "/file", where + "/code.svg", "/ask/x"):
            page = await other.look(path)
            assert (page.status, page.answer.text) == (404, unknown)
        csrf = form_of(await other.look("/pay"), "/pay")
        assert (await other.send(where + "/take-back", csrf)).status == 404
        assert "Bob" not in (await other.look("/ask")).text


def test_a_link_that_is_too_long_has_no_code() -> None:
    assert drawn("https://bank.example/pay?request=" + "A" * 2900) is not None
    assert drawn("https://bank.example/pay?request=" + "A" * 3000) is None


# ---------------------------------------------------------------- taken in


async def test_by_text_by_file_and_by_link(home: House, ada: Person, bob: Person) -> None:
    texts = [to_text(await home.asks(bob, amount=n)).encode() for n in (1, 2, 3)]
    wrapped = b"\r\n".join(texts[0][i : i + 60] for i in range(0, len(texts[0]), 60))
    async with home.browser(ada) as browser:
        assert (await take(browser, request=wrapped)).status == 303
        done = await take(browser, request=b"", file=texts[1] + b"\n")
        assert "2 EUR" in (await browser.look(done.where)).text
        page = await browser.look("/pay?request=" + texts[2].decode())
        assert "asks for 3 EUR" in page.text
        assert len(home.context.confirmations.pending_of(ada.id)) == 2  # a link brings nothing
        files = {name: (None, value) for name, value in form_of(page, "/pay").items()}
        done = Page(await browser.http.post("/pay", files=files))
        assert done.status == 303
        again = Page(await browser.http.post("/pay", files=files))
        assert again.where == done.where
        row = home.confirmation(bytes.fromhex(done.where[-32:]))
        assert (row.person, row.phase) == (ada.id, ConfirmationPhase.PRESENTED)


async def test_a_link_from_elsewhere_tells_what_it_holds(home: House, bob: Person) -> None:
    text = to_text(await home.asks(bob, description="<b>two</b> chairs"))
    async with home.stranger() as http:
        answer = await http.get("/pay", params={"request": text})
        assert answer.status_code == 200 and "refresh" not in answer.headers
        assert "&lt;b&gt;two&lt;/b&gt; chairs" in answer.text and text in answer.text
        on = await http.get("/pay/mine", params={"request": text})
        assert on.headers["location"].startswith("/login?next=%2Fpay%2Fmine%3Frequest%3D")
        assert (await http.get("/pay", params={"request": "nonsense"})).status_code == 400


@pytest.mark.parametrize(
    "given", [b"", b"hello", b"pledgeway-request:", b"pledgeway-request:AAAA", b"\xff\xfe",
              b"pledgeway-request:" + b"A" * 3 * MAX_REQUEST_BYTES],
)  # fmt: skip
async def test_what_is_no_request_is_refused(home: House, ada: Person, given: bytes) -> None:
    async with home.browser(ada) as browser:
        for part in ("request", "file"):
            answer = await take(browser, **{part: given})
            assert answer.status == 400, answer.text
    assert not home.context.confirmations.pending_of(ada.id)


async def test_what_is_anothers_is_not_taken(home: House, ada: Person, bob: Person) -> None:
    signed = await home.asks(bob)
    await home.context.confirmations.bring(signed, name="carol")
    await home.person("carol")
    async with home.browser(ada) as browser:
        answer = await take(browser, request=to_text(signed).encode())
        assert answer.status == 404 and "not for you" in answer.text
        elsewhere = await home.asks(bob, audience="22" * 32)
        answer = await take(browser, request=to_text(elsewhere).encode())
        assert answer.status == 409 and "another node" in answer.text


async def test_uploads_of_other_sites_are_not_taken(home: House, ada: Person, bob: Person) -> None:
    text = to_text(await home.asks(bob))
    async with home.browser(ada) as browser:
        files = {"request": (None, text)}
        assert (await browser.http.post("/pay", files=files)).status_code == 403
        token = form_of(await browser.look("/pay"), "/pay")
        files |= {name: (None, value) for name, value in token.items()}
        headers = {"sec-fetch-site": "cross-site"}
        answer = await browser.http.post("/pay", files=files, headers=headers)
        assert answer.status_code == 403
        assert (await browser.send("/pay", {**token, "request": text})).status == 403
    assert not home.context.confirmations.pending_of(ada.id)


KIND = "multipart/form-data; boundary=XX"
PART = b'--XX\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n'
BAD = {
    "empty": b"",
    "no end": PART % (b"a", b"1"),
    "twice": PART % (b"a", b"1") + PART % (b"a", b"2") + b"--XX--\r\n",
    "nameless": b"--XX\r\nContent-Disposition: form-data\r\n\r\n1\r\n--XX--\r\n",
    "no disposition": b"--XX\r\n\r\n1\r\n--XX--\r\n",
    "nested": b'--XX\r\nContent-Type: multipart/mixed; boundary=YY\r\nContent-Disposition:'
    b' form-data; name="a"\r\n\r\n--YY\r\n\r\n1\r\n--YY--\r\n--XX--\r\n',
    "many": b"".join(PART % (b"f%d" % n, b"") for n in range(40)) + b"--XX--\r\n",
    "not it": b"a=1&b=2",
}  # fmt: skip


@pytest.mark.parametrize("how", BAD)
def test_a_form_with_a_file_is_read_strictly(how: str) -> None:
    with pytest.raises(NoForm):
        read_multipart(KIND, BAD[how])


def test_what_is_well_formed_is_read() -> None:
    body = PART % (b"a", b"1") + PART % (b"b", b"\xff\x00") + b"--XX--\r\n"
    assert read_multipart(KIND, body) == {"a": b"1", "b": b"\xff\x00"}
