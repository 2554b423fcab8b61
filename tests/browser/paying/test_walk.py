"""The whole walk of a payer, by a real browser over real nodes."""

import re
import time
from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree

import pytest
import segno

from node.command.browsing.window import DESK, PHONE
from proto.request import from_text, read_request
from tests.browser.axe import faults, told
from tests.browser.paying.conftest import LED_ON, Person
from tests.browser.paying.street import REGISTRY

pytestmark = [pytest.mark.e2e, pytest.mark.browser]


def require_usable(person: Person, where: str) -> None:
    """By everybody: no fault of accessibility as wide as a phone in the dark and as a desk by day,
    and nothing that the browser complains of."""
    window = person.window
    assert (said := window.complaints()) == [], (where, said)
    for width, dark in ((PHONE, True), (DESK, False)):
        window.resize(width)
        window.dark(dark)
        assert not (found := faults(window)), f"{where}, {width} wide, dark {dark}{told(found)}"
    window.complaints()


def test_a_request_from_the_list_to_the_receipt(anna: Person) -> None:
    street, window, before = anna.street, anna.window, anna.purse["balance"]
    brought = street.bring(amount=300, description="A lamp for the hall")
    anna.open("/")
    require_usable(anna, "the list")
    window.click(f'a[href="/requests/{brought.id}"]')
    text = anna.text()
    for part in ("Pay Lamp and Ledger?", "A lamp for the hall", "Total debit at most 301 USD",
                 "The shop asks in the payee's name", "within 12 seconds of each try",
                 "ATOMIC (decided by a registry alone)", "Your limit lets it go down"):  # fmt: skip
        assert part in text, part
    require_usable(anna, "the request")
    anna.approve()
    require_usable(anna, "the outcome")
    window.press("Back to The shop", "link")
    window.until_said("Welcome back")
    anna.open("/history")
    assert "A lamp for the hall" in anna.text()
    require_usable(anna, "the history")
    assert anna.purse == {"balance": before - 300, "limit": 20_000, "reserved": 0}


FOLLOW = """
const [path, until, done] = arguments;
fetch(path).then(async (answer) => {
  const reader = answer.body.getReader();
  for (let text = "";;) {
    const piece = await reader.read();
    text += new TextDecoder().decode(piece.value || new Uint8Array());
    if (piece.done || text.includes(until)) return reader.cancel().then(() => text);
  }
}).then(done, (fault) => done(String(fault)));
"""


def test_progress_is_sent_while_it_runs(anna: Person) -> None:
    """A driver asks nothing of a page that is still loading, so the page is read as it comes."""
    street, window = anna.street, anna.window
    brought = street.bring(amount=33)
    fields = anna.approval(brought.id)
    where = f"/requests/{brought.id}"
    with street.frozen(REGISTRY):
        assert anna.post(where + "/approve", fields)[0][0] == LED_ON
        text = window.run_later(FOLLOW, where, "Waiting for")
        assert "you approved it" in text and "promised (ATOMIC" in text
        assert "See the outcome" not in text and "</html>" not in text
    text = window.run_later(FOLLOW, where, "</html>")
    assert "See the outcome" in text or "This is final" in text
    anna.open(where)
    anna.outcome("This is final")
    assert window.complaints() == []


def test_what_is_denied_or_expires_is_as_if_nobody_had_asked(anna: Person) -> None:
    street, window, before = anna.street, anna.window, anna.purse
    brought, short = street.bring(), street.bring(expires_s=2, deadline_s=10)
    anna.look(brought.id)
    window.press("Deny")
    window.until_said("It is as if nobody had asked")
    require_usable(anna, "denied")

    def over() -> bool:
        return "Not paid" in anna.look(short.id)

    window.until(over, "it expires")
    require_usable(anna, "expired")
    assert not window.all("form[data-passkey]")
    assert {street.phase(brought), street.phase(short)} == {"DENIED", "EXPIRED"}
    assert anna.purse == before
    anna.open("/requests")
    assert "denied" in anna.text() and "ended without a payment" in anna.text()


def matrix_of(svg: str) -> list[list[int]]:
    """The dark modules of a code as it is drawn: lines of "M x y h n" and relative ones."""
    root = ElementTree.fromstring(svg)
    size = int(root.attrib["viewBox"].split()[-1])
    path = next(p for p in root.iter("{http://www.w3.org/2000/svg}path") if "stroke" in p.attrib)
    modules = [[0] * size for _ in range(size)]
    x = y = 0.0
    for kind, numbers in _strokes(path.attrib["d"]):
        if kind == "M":
            x, y = numbers
        elif kind == "m":
            x, y = x + numbers[0], y + numbers[1]
        else:
            for i in range(int(numbers[0])):
                modules[int(y)][int(x) + i] = 1
            x += numbers[0]
    return modules


def _strokes(path: str) -> list[tuple[str, list[float]]]:
    found = re.findall(r"([Mmh])([^Mmh]*)", path)
    return [(kind, [float(n) for n in re.findall(r"-?[\d.]+", rest)]) for kind, rest in found]


def test_money_is_asked_for_by_a_code(anna: Person, bert: Person) -> None:
    window = bert.window
    bert.open("/ask")
    require_usable(bert, "asking")
    window.fill("Amount", "120")
    window.fill("What is it for?", "Half of the dinner")
    window.press("Make the request")
    window.until_said("waits to be paid")
    require_usable(bert, "the code")
    link = window.find("#link").value()
    text = parse_qs(urlsplit(link).query)["request"][0]
    assert read_request(from_text(text), time.time_ns() // 1000).amount == 120
    source = str(window.find("img.code").attribute("src"))
    svg = window.run_later(
        "const [path, done] = arguments; fetch(path).then((a) => a.text()).then(done);", source
    )
    drawn = matrix_of(svg)
    expected = segno.make_qr(link, error="l", boost_error=False)
    assert drawn == [[int(bool(m)) for m in row] for row in expected.matrix_iter(border=4)]
    # Anna follows it as from a camera, which is no site at all.
    before, had = anna.purse["balance"], bert.purse["balance"]
    anna.window.open(link)
    anna.window.press("Put it on my list and look at it")
    assert "Half of the dinner" in anna.text()
    assert "booked within this node" in anna.text()
    require_usable(anna, "in house")
    anna.approve()
    assert (anna.purse["balance"], bert.purse["balance"]) == (before - 120, had + 120)
    bert.open("/")
    assert "You received 120 USD: Half of the dinner" in bert.text()


def test_the_keyboard_is_enough(anna: Person) -> None:
    street, window = anna.street, anna.window
    brought, other = street.bring(amount=11), street.bring(amount=12)

    def reach(name: str) -> None:
        for _ in range(40):
            window.key("Tab")
            if window.focused().text() == name:
                assert window.run(OUTLINE), f"{name}: the focus is to be seen"
                return
        raise AssertionError(f"{name} is not reached by Tab")

    anna.look(brought.id)
    reach("Approve with your passkey")
    window.key("Enter")
    anna.outcome("This is final")
    anna.look(other.id)
    reach("Deny")
    window.key("Space")
    window.until_said("It is as if nobody had asked")


OUTLINE = """
const style = getComputedStyle(document.activeElement);
return style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
"""


def test_without_scripts_all_but_the_passkey_works(anna: Person) -> None:
    street, window = anna.street, anna.window
    brought = street.bring(amount=21)
    window.scripts(False)
    try:
        anna.open("/")
        window.click(f'a[href="/requests/{brought.id}"]')
        assert "A passkey is asked for by a script, and scripts are off here" in anna.text()
        assert not window.role("button", "Approve with your passkey").is_enabled()
        window.press("Deny")
        window.until_said("It is as if nobody had asked")
        for name in ("History", "Ask for money", "Standing approvals", "Account"):
            window.press(name, "link")
        assert "Add a key" in anna.text()
        window.complaints()
    finally:
        window.scripts(True)
