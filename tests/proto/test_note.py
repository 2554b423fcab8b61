"""Signed notes: the Go module's vectors, a checkpoint with real witnesses, mutations."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.command.sim.cast import digest
from proto.keys import SigningKey
from proto.limits import MAX_NOTE_BYTES, MAX_NOTE_SIGNATURES
from proto.note import COSIGNATURE, ED25519, Note, NoteKey, NoteSignature, note_signed, sign_note
from proto.plain_text import from_base64, from_decimal
from proto.wire import WireFault

# golang.org/x/mod/sumdb/note
PETER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
PETER_SECRET = "AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
TEXT = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
)
SIGNED = (
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpR"
    "Zb6KE6RyyBwJnAM=\n"
)
NOTE = f"{TEXT}\n{SIGNED}".encode()
OTHERS = (
    "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop",
    "TEST+7997405c+AQcC+FTVKf0jlTdHDY3rbevmnKxxPjigCXlVtGe6RIr6",  # a plus within the base64
    "remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2",
)
KEY = SigningKey(digest("a log's key"))


def test_the_go_vector_verifies_and_is_made_again() -> None:
    note, key = Note.decode(NOTE), NoteKey.decode(PETER)
    assert note.text == TEXT
    assert note.encode() == NOTE
    assert note_signed(note, key)
    secret = SigningKey(from_base64(PETER_SECRET)[1:])
    assert sign_note(TEXT, "PeterNeumann", secret).line() == SIGNED


@pytest.mark.parametrize("text", [PETER, *OTHERS])
def test_keys_of_others_are_read_and_written(text: str) -> None:
    assert NoteKey.decode(text).encode() == text


def test_manglings_of_a_key_are_refused() -> None:
    """As in the Go module's test: every part of it, every single change."""
    cut = {PETER[i:j] for i in range(len(PETER)) for j in range(i, len(PETER) + 1)} - {PETER}
    changed = {PETER[:i] + chr(ord(c) + 1) + PETER[i + 1 :] for i, c in enumerate(PETER)}
    more = {
        "PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY==",
        "PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "x" * 1000 + PETER,
        PETER.replace("PeterNeumann", "Peter Neumann"),
        PETER.upper(),
    }
    for text in cut | changed | more:
        with pytest.raises(WireFault):
            NoteKey.decode(text)


@pytest.mark.parametrize(
    "data",
    [
        TEXT.encode(),
        f"{TEXT}{SIGNED}".encode(),
        f"{TEXT}\n".encode(),
        NOTE[:-1],
        NOTE + b"\n",
        NOTE + b"and more\n",
        b"\xff" + NOTE,
        b"\t" + NOTE,
        NOTE.replace(b"\n", b"\r\n"),
        f"{TEXT}\n{SIGNED.replace('— ', '- ')}".encode(),
        f"{TEXT}\n{SIGNED.replace('PeterNeumann', 'Peter+Neumann')}".encode(),
        f"{TEXT}\n{SIGNED.replace('PeterNeumann ', ' ')}".encode(),
        f"{TEXT}\n— PeterNeumann x08goQ==\n".encode(),
        f"{TEXT}\n— PeterNeumann x08goR==\n".encode(),
        f"{TEXT}\n— PeterNeumann \n".encode(),
        f"{TEXT}\n{SIGNED * (MAX_NOTE_SIGNATURES + 1)}".encode(),
        b"a\n" * 200 + NOTE,
        b"a" * MAX_NOTE_BYTES + NOTE,
    ],
)
def test_what_is_no_note_is_refused(data: bytes) -> None:
    with pytest.raises(WireFault):
        Note.decode(data)


def test_a_text_may_have_empty_lines() -> None:
    text = "first\n\nsecond\n"
    note = Note(text, (sign_note(text, "log.example/a", KEY),))
    assert Note.decode(note.encode()) == note
    assert note_signed(note, NoteKey("log.example/a", ED25519, KEY.public))


def test_a_signature_counts_for_its_key_alone() -> None:
    note = Note(TEXT, (sign_note(TEXT, "log.example/a", KEY),))
    assert note_signed(note, NoteKey("log.example/a", ED25519, KEY.public))
    assert not note_signed(note, NoteKey("log.example/b", ED25519, KEY.public))
    assert not note_signed(note, NoteKey("log.example/a", COSIGNATURE, KEY.public))
    assert not note_signed(note, NoteKey("log.example/a", ED25519, digest("another")))
    assert not note_signed(
        Note("other\n", note.signatures), NoteKey("log.example/a", 1, KEY.public)
    )


def test_unknown_signatures_stay_and_a_wrong_one_of_a_known_key_spoils_the_note() -> None:
    key = NoteKey("log.example/a", ED25519, KEY.public)
    good = sign_note(TEXT, key.name, KEY)
    unknown = NoteSignature("somebody", b"1234", b"whatever")
    note = Note(TEXT, (unknown, good))
    assert note_signed(Note.decode(note.encode()), key)
    assert Note.decode(note.encode()).signatures == (unknown, good)
    wrong = NoteSignature(key.name, key.key_hash, b"\0" * 64)
    assert not note_signed(note.with_signatures([wrong]), key)
    assert note.with_signatures([good, unknown]) == note


@pytest.mark.parametrize(
    "text", ["", "00", "01", "-1", "+1", " 1", "1_0", "٣", str(2**63), "9" * 99]
)
def test_a_decimal_has_one_spelling(text: str) -> None:
    with pytest.raises(WireFault):
        from_decimal(text)


def test_decimals() -> None:
    assert [from_decimal(t) for t in ("0", "10", str(2**63 - 1))] == [0, 10, 2**63 - 1]


@pytest.mark.parametrize(
    "text", ["YQ", "YR==", "YQ==\n", " YQ==", "Y Q==", "YQ==YQ==", "YQ=_", "ä"]
)
def test_base64_has_one_spelling(text: str) -> None:
    assert from_base64("YQ==") == b"a"
    with pytest.raises(WireFault):
        from_base64(text)


@given(st.data())
def test_a_changed_note_is_a_fault_or_another_text(data: st.DataObject) -> None:
    """Whatever bytes change: WireFault, or not signed, or only what nobody signed changed."""
    mutant = mutated(data, NOTE)
    try:
        note = Note.decode(mutant)
    except WireFault:
        return
    assert not note_signed(note, NoteKey.decode(PETER)) or note.text == TEXT


def mutated(data: st.DataObject, original: bytes) -> bytes:
    """One to three bytes replaced, left out or inserted."""
    result = bytearray(original)
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(result) - 1))
        byte = data.draw(st.sampled_from([*b"\n +=A0", 0xE2, 0xFF]))
        match data.draw(st.integers(0, 2)):
            case 0:
                result[at] = byte
            case 1:
                del result[at]
            case _:
                result.insert(at, byte)
    return bytes(result)
