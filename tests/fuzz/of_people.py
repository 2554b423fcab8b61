"""Targets: what browsers and programs of people send to a node's page."""

from typing import Any, Final

from node.command.browsing.authenticator import Authenticator
from node.command.sim.cast import NOW_US
from node.core.people.rows import Credential, Person, PersonPhase, person_id
from node.page.frame import NoForm
from node.page.uploads import read_multipart
from node.people.journal import Cursor
from node.people.passkeys import (
    PasskeyRefused,
    Site,
    creation_options,
    read_creation,
    request_options,
    verify_approval,
)
from proto.approval import challenge
from proto.login import key_text, read_key_text
from proto.wire import WireFault
from tests.fuzz import values as v
from tests.fuzz.mutate import Form
from tests.fuzz.target import Target

ORIGIN: Final = "https://bank.example"
SITE: Final = Site("bank.example", ORIGIN, "Bank")
ASKED: Final = b"q" * 32
APPROVAL: Final = b"an approval"
PERSON: Final = Person(person_id("ann"), "ann", "Ann", PersonPhase.ACTIVE, NOW_US)
REFUSED: Final = (PasskeyRefused,)
KIND: Final = "multipart/form-data; boundary=b"


def _made(data: bytes) -> Credential:
    return read_creation(SITE, ASKED, data.decode("latin-1"), PERSON.id, NOW_US)


def _multipart(data: bytes) -> Any:
    return read_multipart(KIND, data)


def _passkey() -> tuple[str, Credential, str]:
    """What a browser sends for a new passkey, its row, and what it sends for an approval."""
    device = Authenticator(ORIGIN)
    created = device.create(creation_options(SITE, PERSON, ASKED, ()))
    credential = _made(created.encode())
    return created, credential, device.get(request_options(SITE, challenge(APPROVAL), [credential]))


def of_people() -> list[Target]:
    """Passkeys' answers, forms with files, keys as people paste them, and places in a journal."""
    created, credential, answer = _passkey()

    def approve(data: bytes) -> Any:
        text = data.decode("latin-1")
        return verify_approval(SITE, APPROVAL, text, [credential], NOW_US)

    form = b'--b\r\nContent-Disposition: form-data; name="csrf"\r\n\r\nx\r\n--b--\r\n'
    text = Form.TEXT
    return [
        Target("new passkey", _made, REFUSED, (created.encode(),), form=text, cost=4),
        Target("passkey's answer", approve, REFUSED, (answer.encode(),), form=text, cost=4),
        Target("form with a file", _multipart, (NoForm,), (form,), form=text),
        Target("key of a program", lambda d: read_key_text(d.decode("latin-1")), (WireFault,),
               (key_text(v.NODE.public).encode(),), lambda key: key_text(key).encode(), form=text),
        Target("place in a journal", lambda d: Cursor.read(d.decode("latin-1")), (ValueError,),
               (Cursor(NOW_US, b"k" * 16, b"p").text().encode(),), lambda c: c.text().encode(),
               form=text),
    ]  # fmt: skip
