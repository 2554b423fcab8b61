"""A passkey without a finger: an authenticator that the browser takes for one of the machine's.

It belongs to one tab. It can be told to lie, as a stolen or broken one would, so that a server's
checks can be seen to hold.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from node.command.browsing.wire import BrowserFault, Wire


@dataclass(frozen=True, slots=True)
class Credential:
    """One passkey: everything, its private key (PKCS #8, DER) included."""

    credential_id: bytes
    rp_id: str  # the domain that it is for
    user_handle: bytes
    private_key: bytes
    sign_count: int

    @classmethod
    def told(cls, words: dict[str, Any]) -> "Credential":
        return cls(
            _bytes(words["credentialId"]),
            words["rpId"],
            _bytes(words.get("userHandle") or ""),
            _bytes(words["privateKey"]),
            words["signCount"],
        )

    def words(self) -> dict[str, object]:
        return {
            "credentialId": _text(self.credential_id),
            "isResidentCredential": True,
            "rpId": self.rp_id,
            "userHandle": _text(self.user_handle),
            "privateKey": _text(self.private_key),
            "signCount": self.sign_count,
        }


@dataclass(frozen=True, slots=True)
class Authenticator:
    """What holds passkeys. All methods: BrowserFault."""

    wire: Wire
    name: str

    def credentials(self) -> tuple[Credential, ...]:
        """All passkeys in it, in the order in which they came."""
        found = self.wire.get(f"{self._path}/credentials")
        return tuple(Credential.told(words) for words in found)

    def add(self, credential: Credential) -> None:
        """Takes one over that was made elsewhere: a synced passkey, or a stolen one."""
        self.wire.post(f"{self._path}/credential", **credential.words())

    def remove(self, credential_id: bytes) -> None:
        """It is lost."""
        self.wire.delete(f"{self._path}/credentials/{_text(credential_id)}")

    def empty(self) -> None:
        """All are lost."""
        self.wire.delete(f"{self._path}/credentials")

    def recognises(self, wanted: bool) -> None:
        """Whether the person at it is the one it knows (finger, face, PIN): user verification."""
        self.wire.post(f"{self._path}/uv", isUserVerified=wanted)

    def lies(
        self, *, signature: bool = False, verified: bool = False, present: bool = False
    ) -> None:
        """From now on it spoils its signature, or leaves out the flag that somebody was verified
        or present; without an argument it is honest again."""
        self.wire.tell(
            "WebAuthn.setResponseOverrideBits",
            authenticatorId=self.name,
            isBogusSignature=signature,
            isBadUV=verified,
            isBadUP=present,
        )

    @property
    def _path(self) -> str:
        return f"/webauthn/authenticator/{self.name}"


@contextmanager
def authenticator(wire: Wire, *, consents: bool = True) -> Iterator[Authenticator]:
    """One in the present tab around a block; `consents`: it answers without anybody's touch."""
    name = wire.post(
        "/webauthn/authenticator",
        protocol="ctap2",
        transport="internal",
        hasResidentKey=True,
        hasUserVerification=True,
        isUserVerified=True,
        isUserConsenting=consents,
    )
    try:
        yield Authenticator(wire, name)
    finally:
        with suppress(BrowserFault):  # it went with its tab
            wire.delete(f"/webauthn/authenticator/{name}")


def _bytes(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _text(value: bytes) -> str:
    return urlsafe_b64encode(value).decode().rstrip("=")
