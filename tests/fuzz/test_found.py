"""What fuzzing found, one case each: inputs that went past the parser that should have said no."""

from collections.abc import Callable
from pathlib import Path

import pytest

from pathfinder.answer_read import read_answer
from pathfinder.config import ConfigFault, read_config
from proto.avoiding import CannotAvoid, read_avoided
from proto.v1 import control_pb2
from runtime.control import ControlFailure, failed, read_arguments
from runtime.tls import (
    BadCertificate,
    certificate_name,
    certificate_pem,
    require_leaf,
    seen_pin,
    spki_sha256,
)
from tests.fuzz.mutate import elements, encoded
from tests.fuzz.of_daemons import CERTIFICATE

Change = Callable[[bytes], bytes]


def of_version_eleven(content: bytes) -> bytes:
    return content.replace(b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x0a")


def with_an_unknown_curve(content: bytes) -> bytes:
    return content.replace(bytes.fromhex("2a8648ce3d030107"), bytes.fromhex("2a8648ce3d030147"))


def with_an_unknown_key_type(content: bytes) -> bytes:
    return content.replace(bytes.fromhex("2a8648ce3d0201"), bytes.fromhex("2a8648ce3d0277"))


def with_an_extension_twice(content: bytes) -> bytes:
    """The key usage under the object identifier of the extended key usage."""
    return content.replace(b"\x06\x03\x55\x1d\x0f", b"\x06\x03\x55\x1d\x25")


def altered(change: Change) -> bytes:
    (whole,) = elements(CERTIFICATE) or ()
    assert isinstance(whole[2], bytes)
    changed = change(whole[2])
    assert changed != whole[2]
    return encoded([(whole[0], 0, changed)])


CHANGES = (of_version_eleven, with_an_unknown_curve, with_an_unknown_key_type)


@pytest.mark.parametrize("change", [*CHANGES, with_an_extension_twice])
def test_a_certificate_that_the_library_cannot_read_is_a_bad_one(change: Change) -> None:
    """Its errors are no ValueErrors: a registry's newer record with such a certificate would have
    ended every node that accepts the registry."""
    data = altered(change)
    with pytest.raises(BadCertificate):
        require_leaf(data)
    with pytest.raises(BadCertificate):
        certificate_name(data)


@pytest.mark.parametrize("change", CHANGES)
def test_nor_is_it_pinned_or_admitted(change: Change) -> None:
    data = altered(change)
    for read in (spki_sha256, certificate_pem):
        with pytest.raises(BadCertificate):
            read(data)
    assert seen_pin({"x509_pem_cert": [b"-----BEGIN CERTIFICATE-----\n"]}) is None


@pytest.mark.parametrize(
    "arguments",
    [
        '{"to": ' + "9" * 5000 + "}",  # the language reads integers of 4300 digits
        '{"\\ud800": 1}',  # half a character, which no answer could name
        '{"to": "\\udfff"}',
    ],
)
def test_arguments_that_are_json_and_no_arguments(arguments: str) -> None:
    with pytest.raises(ControlFailure) as caught:
        read_arguments(control_pb2.Command(verb="route", arguments=arguments))
    assert caught.value.code == "BAD_ARGUMENT"
    assert failed(caught.value).SerializeToString()


def test_arguments_with_a_whole_pair_are_read() -> None:
    command = control_pb2.Command(arguments='{"to": "\\ud83d\\ude00"}')
    assert read_arguments(command).text("to") == "😀"


@pytest.mark.parametrize(
    ("text", "cause"),
    [("x = " + "9" * 5000, "too many digits"), ('"a\\u001b[2Jb" = 1\nalias = "A"', "unknown key")],
)
def test_a_configuration_that_is_refused_on_one_line(text: str, cause: str, tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(text)
    with pytest.raises(ConfigFault, match=cause) as caught:
        read_config(path)
    assert str(caught.value).isprintable()


def test_an_answer_with_an_amount_beyond_all_numbers() -> None:
    hop = {"from": "P", "to": "Q", "level": "BARE", "amount": float("inf")}
    answer = {"found": True, "exact": True, "registry": None, "hops": [hop], "schedule": {}}
    with pytest.raises(ValueError, match="not an answer"):
        read_answer(answer, "USD", 1000)


def test_a_name_that_cannot_be_shown() -> None:
    with pytest.raises(CannotAvoid) as caught:
        read_avoided("\x1b[2J\n", lambda name: ())
    assert str(caught.value).isprintable()
