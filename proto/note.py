"""Signed notes (C2SP signed-note): a text, a blank line, and a line for each signature.

A note's text means nothing before one of its signatures is verified by a key that the reader
already knows. Signatures of unknown keys are kept and passed on: that is how cosignatures travel.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Final

from proto.keys import KEY_BYTES, SigningKey, verify_raw
from proto.limits import (
    MAX_NOTE_BYTES,
    MAX_NOTE_LINES,
    MAX_NOTE_NAME_CHARS,
    MAX_NOTE_SIGNATURES,
)
from proto.plain_text import from_base64, to_base64
from proto.wire import WireFault

ED25519: Final = 1  # a signature over the note's text
COSIGNATURE: Final = 4  # a witness's timestamped signature (C2SP tlog-cosignature)
KEY_HASH_BYTES: Final = 4
_MARK: Final = "— "  # em dash and space begin a signature's line
_MAX_KEY_CHARS: Final = MAX_NOTE_NAME_CHARS + 64


def is_note_name(text: str) -> bool:
    """Whether a key may be named so: not empty, without spaces, control characters and plus."""
    return (
        0 < len(text) <= MAX_NOTE_NAME_CHARS
        and "+" not in text
        and text.isprintable()
        and not any(character.isspace() for character in text)
    )


@dataclass(frozen=True, slots=True)
class NoteKey:
    """A public key (32 bytes) with the name that its signatures bear, for one algorithm."""

    name: str
    algorithm: int
    public: bytes

    @property
    def key_hash(self) -> bytes:
        """4 bytes that find the key of a signature. They prove nothing."""
        named = self.name.encode() + b"\n" + bytes([self.algorithm]) + self.public
        return sha256(named).digest()[:KEY_HASH_BYTES]

    def encode(self) -> str:
        """The verifier key "name+hash+base64" that people put into a configuration."""
        return f"{self.name}+{self.key_hash.hex()}+{self._material()}"

    def _material(self) -> str:
        return to_base64(bytes([self.algorithm]) + self.public)

    @classmethod
    def decode(cls, text: str) -> "NoteKey":
        """Raises WireFault for anything but an Ed25519 key of a signer or of a witness."""
        if len(text) > _MAX_KEY_CHARS:
            raise WireFault(f"a verifier key has at most {_MAX_KEY_CHARS} characters")
        name, first, rest = text.partition("+")
        shown, second, material = rest.partition("+")
        if not first or not second or not is_note_name(name):
            raise WireFault("a verifier key is a name, its hash and a key with + between them")
        data = from_base64(material)
        if len(data) != 1 + KEY_BYTES or data[0] not in (ED25519, COSIGNATURE):
            raise WireFault("a verifier key that is no Ed25519 key of a signer or a witness")
        key = cls(name, data[0], data[1:])
        if key.key_hash.hex() != shown:
            raise WireFault("a verifier key whose hash is not its own: mistyped or cut short")
        return key


@dataclass(frozen=True, slots=True)
class NoteSignature:
    """Who says to have signed, with which key, and the algorithm's bytes. Not verified."""

    name: str
    key_hash: bytes
    data: bytes

    def line(self) -> str:
        """With its newline."""
        return f"{_MARK}{self.name} {to_base64(self.key_hash + self.data)}\n"

    @classmethod
    def parse(cls, line: str) -> "NoteSignature":
        """A line without its newline. Raises WireFault."""
        name, space, encoded = line.removeprefix(_MARK).partition(" ")
        if not line.startswith(_MARK) or not space or not is_note_name(name):
            raise WireFault("a note's signature is a dash, a name and base64")
        data = from_base64(encoded)
        if len(data) <= KEY_HASH_BYTES:
            raise WireFault("a note's signature that is too short")
        return cls(name, data[:KEY_HASH_BYTES], data[KEY_HASH_BYTES:])

    def claims(self, key: NoteKey) -> bool:
        """Whether it names this key; only a verification shows that the key made it."""
        return self.name == key.name and self.key_hash == key.key_hash


@dataclass(frozen=True, slots=True)
class Note:
    """A text that ends with a newline, and signatures that nobody has verified yet."""

    text: str
    signatures: tuple[NoteSignature, ...]

    def encode(self) -> bytes:
        return (self.text + "\n" + "".join(s.line() for s in self.signatures)).encode()

    @classmethod
    def decode(cls, data: bytes) -> "Note":
        """Raises WireFault. Unknown signatures are kept."""
        if len(data) > MAX_NOTE_BYTES:
            raise WireFault(f"a note has at most {MAX_NOTE_BYTES} bytes")
        try:
            whole = data.decode()
        except UnicodeDecodeError as error:
            raise WireFault("a note that is not UTF-8") from error
        if whole.count("\n") > MAX_NOTE_LINES + MAX_NOTE_SIGNATURES:
            raise WireFault("a note with too many lines")
        if any(character < " " and character != "\n" for character in whole):
            raise WireFault("a note with control characters")
        # The last empty line: a text may have empty lines of its own.
        body, blank, signed = whole.rpartition("\n\n")
        if not blank or not signed.endswith("\n"):
            raise WireFault("a note is a text, an empty line and signatures")
        lines = signed.removesuffix("\n").split("\n")
        if len(lines) > MAX_NOTE_SIGNATURES:
            raise WireFault(f"a note has at most {MAX_NOTE_SIGNATURES} signatures")
        return cls(body + "\n", tuple(NoteSignature.parse(line) for line in lines))

    def with_signatures(self, more: Iterable[NoteSignature]) -> "Note":
        """The same text; a signature that is there already is not repeated."""
        return replace(self, signatures=tuple(dict.fromkeys((*self.signatures, *more))))


def sign_note(text: str, name: str, key: SigningKey) -> NoteSignature:
    """An Ed25519 signature over the text, which ends with a newline."""
    assert text.endswith("\n"), text
    note_key = NoteKey(name, ED25519, key.public)
    return NoteSignature(name, note_key.key_hash, key.sign_raw(text.encode()))


def note_signed(note: Note, key: NoteKey) -> bool:
    """Whether this key signed the text.

    A note with a wrong signature of a known key is refused, whatever else stands on it (C2SP).
    """
    claimed = [s for s in note.signatures if s.claims(key)]
    text = note.text.encode()
    if key.algorithm != ED25519 or not claimed:
        return False
    return all(verify_raw(key.public, text, s.data) for s in claimed)
