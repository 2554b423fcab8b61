"""A request's text at the command line: all that it says, who signed it, and a requester's key."""

import json
import stat
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from node.command.__main__ import main
from node.command.sim.cast import SINGLE, digest, signing_key
from proto.envelope import Envelope
from proto.key_certificate import certify_key
from proto.keys import KeyCertificate, KeyPurpose, SealKey, SigningKey
from proto.levels import Level
from proto.limits import MAX_AMOUNT
from proto.money import Brand
from proto.request import (
    REQUEST_KIND,
    PaymentRequest,
    countersign,
    from_text,
    read_asked,
    sign_request,
    to_text,
)
from proto.request_parts import MandateTerms, Requester
from proto.v1 import types_pb2 as pb

PAYEE, SHOP = signing_key("payee"), signing_key("shop")
SEAL = SealKey(digest("seal"))
YEAR_2100_US = 4_102_444_800_000_000
CERTIFICATE = KeyCertificate(PAYEE.public, KeyPurpose.SEAL, SEAL.public, 0, 2**62)
WHOLE = PaymentRequest(
    request_id=b"r" * 16,
    payee=PAYEE.node_id,
    payee_alias="Bea",
    brand=Brand(b"b" * 16, "USD"),
    amount=700,
    committer_key=digest("committer"),
    seal_key=SEAL.public,
    seal_certificate=certify_key(PAYEE, CERTIFICATE).SerializeToString(),
    expires_at_us=YEAR_2100_US,
    latest_deadline_us=YEAR_2100_US,
    decline_hashes=(digest("d1"),),
    policies=(SINGLE,),
    last_levels=frozenset({Level.ATOMIC}),
    description="One lamp",
    amount_min=500,
    order_hash=digest("order"),
    exchange=digest("goods"),
    created_at_us=1,
    requester=Requester(SHOP.public, "Shop", "https://s.example/n", "https://s.example/r"),
    audience=digest("audience"),
    session_nonce=digest("nonce"),
    retry_of=digest("retry"),
    refund_to="desk 3",
    mandate=MandateTerms(5, 86_400_000_000, 50, 500, YEAR_2100_US),
    under=digest("under"),
    domain="bea.example",
    person=b"p" * 16,
)


def run(*args: object) -> Result:
    """Without a node: these commands ask nobody."""
    env = {"PLEDGEWAY_NODE": "/nowhere", "NO_COLOR": "1"}
    return CliRunner().invoke(main, [str(a) for a in args], env=env)


def text_of(request: PaymentRequest = WHOLE) -> str:
    return to_text(sign_request(PAYEE, request))


def test_everything_that_a_request_says_is_shown() -> None:
    shown = run("request", "show", text_of())
    assert shown.exit_code == 0, shown.output
    for fact in (
        *("500 to 700 USD", "One lamp", "Bea, who signed it", PAYEE.public.hex(), "NOT EXPIRED"),
        *(digest(x).hex() for x in ("order", "goods", "audience", "nonce", "retry", "under")),
        *("desk 3", "bea.example", "https://s.example/n", "https://s.example/r", SHOP.public.hex()),
        *((b"p" * 16).hex(), "5 USD at once, 50 USD in 1 d, 500 USD in all", "2100-01-01"),
        *("ATOMIC", "1970-01-01 00:00:00 UTC"),
    ):
        assert fact in shown.stdout, fact
    said = json.loads(run("request", "show", text_of(), "--json").stdout)
    assert (said["signed_by_all"], said["countersigned_by"]) == (False, "")
    told = {name: value for name, value in said.items() if value in ("", None, [])}
    assert told == {"countersigned_by": ""}, "every field of this request says something"


AMOUNTS = [
    ({"amount_min": 0}, "700 USD"),
    ({"amount_min": 700}, "700 USD"),
    ({"fees_by_payee": True}, "700 USD in all, 500 USD have to arrive"),
    ({"amount_min": 1, "amount": MAX_AMOUNT}, "any amount of USD"),
    ({"amount_min": 2, "amount": MAX_AMOUNT}, f"2 to {MAX_AMOUNT} USD"),
]


@pytest.mark.parametrize(("changes", "words"), AMOUNTS)
def test_amounts_in_words(changes: dict[str, int], words: str) -> None:
    shown = run("request", "show", text_of(replace(WHOLE, **changes)))  # type: ignore[arg-type]
    (line,) = [x for x in shown.stdout.splitlines() if x.startswith("amount")]
    assert line.split(maxsplit=1)[1] == words


def test_who_signed_is_said() -> None:
    signed = sign_request(PAYEE, WHOLE)
    by_shop = to_text(countersign(SHOP, signed))
    assert "who signed it too" in run("request", "show", by_shop).stdout
    assert json.loads(run("request", "show", by_shop, "--json").stdout)["signed_by_all"]
    for text in (to_text(signed), to_text(countersign(PAYEE, signed))):
        assert "did NOT sign it: it cannot be paid" in run("request", "show", text).stdout
    unnamed = sign_request(PAYEE, replace(WHOLE, requester=None))
    shown = run("request", "show", to_text(countersign(SHOP, unnamed))).stdout
    assert "whom the payee does not name: it cannot be paid" in shown
    own = replace(WHOLE, requester=Requester(PAYEE.public, "myself"))
    assert "who signed it too" in run("request", "show", text_of(own)).stdout


def test_what_nobody_signed_is_not_shown(tmp_path: Path) -> None:
    message = pb.PaymentRequest.FromString(WHOLE.encode())
    message.description = "\x1b[2Jfree"
    painted = to_text(Envelope.seal(PAYEE, REQUEST_KIND, message.SerializeToString()).encode())
    forged = to_text(sign_request(SHOP, WHOLE))
    for text in (painted, forged, text_of()[:-3], "pledgeway-request:"):
        shown = run("request", "show", text)
        assert (shown.exit_code, shown.stdout) == (2, "")
        assert shown.stderr.startswith("pledgeway: not a payment request that could be paid")
        assert "\x1b" not in shown.stderr
    file = tmp_path / "invoice.txt"
    file.write_text(text_of() + "\n")
    assert "One lamp" in run("request", "show", file).stdout
    assert run("request", "show", tmp_path / "nothing.txt").exit_code == 2


def test_a_requester_signs_with_a_key_of_its_own(tmp_path: Path) -> None:
    file = tmp_path / "shop.key"
    made = run("request", "requester-key", "new", file)
    assert made.exit_code == 0
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    key = SigningKey(bytes.fromhex(file.read_text()))
    assert made.stdout == f"{key.public.hex()}\n" and key.seed.hex() not in made.output
    again = run("request", "requester-key", "new", file)
    assert again.exit_code == 2 and SigningKey(bytes.fromhex(file.read_text())).seed == key.seed
    request = replace(WHOLE, requester=Requester(key.public, "Shop"))
    signed = sign_request(PAYEE, request)
    done = run("request", "countersign", to_text(signed), "--key", file)
    assert done.exit_code == 0, done.output
    assert read_asked(from_text(done.stdout.strip()), YEAR_2100_US - 1) == (signed, request)
    out = tmp_path / "asked.txt"
    told = run("request", "countersign", to_text(signed), "--key", file, "--out", out)
    assert told.stdout == f"The payer says: pledgeway pay {out}\n"
    assert out.read_text() == done.stdout
    twice = run("request", "countersign", out, "--key", file, "--json")
    assert twice.exit_code == 1 and "signed it already" in twice.stderr


def test_a_requester_signs_nothing_else(tmp_path: Path) -> None:
    file, other = tmp_path / "shop.key", tmp_path / "other.key"
    file.write_text(SHOP.seed.hex())
    other.write_text(PAYEE.seed.hex())
    nobody = text_of(replace(WHOLE, requester=None))
    no = run("request", "countersign", nobody, "--key", file)
    assert (no.exit_code, no.stdout) == (1, "") and "names no requester" in no.stderr
    no = run("request", "countersign", text_of(), "--key", other)
    assert no.exit_code == 1 and SHOP.public.hex() in no.stderr
    other.write_text("x" * 64)
    for key in (other, tmp_path / "none.key"):
        assert run("request", "countersign", text_of(), "--key", key).exit_code == 2
    assert run("request", "countersign", text_of()[:-4], "--key", file).exit_code == 2
    assert run("request", "countersign", text_of()).exit_code == 2
