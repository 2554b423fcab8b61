"""An authenticator in software: real attestations of format "none" and real assertions.

What it says can be changed part by part, as a broken or stolen one, or another page, would.
"""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

PRESENT: Final = 0x01
VERIFIED: Final = 0x04
ATTESTED: Final = 0x40


def text_of(data: bytes) -> str:
    """Base64url without padding, as browsers write bytes."""
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def bytes_of(text: str) -> bytes:
    """What `text_of` was given."""
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


Key = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey


@dataclass
class Passkey:
    """One credential and its private key."""

    id: bytes
    key: Key
    person: bytes
    count: int = 0

    @property
    def cose(self) -> bytes:
        if isinstance(self.key, ed25519.Ed25519PrivateKey):
            raw = self.key.public_key().public_bytes_raw()
            return cbor2.dumps({1: 1, 3: -8, -1: 6, -2: raw})
        if isinstance(self.key, rsa.RSAPrivateKey):
            public = self.key.public_key().public_numbers()
            n, e = public.n.to_bytes(256, "big"), public.e.to_bytes(3, "big")
            return cbor2.dumps({1: 3, 3: -257, -1: n, -2: e})
        numbers = self.key.public_key().public_numbers()
        x, y = (n.to_bytes(32, "big") for n in (numbers.x, numbers.y))
        return cbor2.dumps({1: 2, 3: -7, -1: 1, -2: x, -3: y})

    def sign(self, data: bytes) -> bytes:
        if isinstance(self.key, ed25519.Ed25519PrivateKey):
            return self.key.sign(data)
        if isinstance(self.key, rsa.RSAPrivateKey):
            return self.key.sign(data, padding.PKCS1v15(), SHA256())
        return self.key.sign(data, ec.ECDSA(SHA256()))


@dataclass
class Authenticator:
    """Of one person at one browser, which is on a page of `origin`.

    `lies`: replaces parts of what is said: challenge, origin, type, crossOrigin, topOrigin (client
    data); flags, rp_id, count (authenticator data); id, format, handle, public_key, statement,
    key (another kind than ES256).
    """

    origin: str
    label: str = "phone"
    passkeys: list[Passkey] = field(default_factory=list)

    def create(self, options: str, **lies: Any) -> str:
        """The answer to creation options, as a browser sends it."""
        asked = json.loads(options)
        number = len(self.passkeys)
        seed = sha256(f"{self.label} {number}".encode()).digest()
        ordinary = ec.derive_private_key(int.from_bytes(seed, "big") >> 1, ec.SECP256R1())
        key: Key = lies.get("key", ordinary)
        made = Passkey(lies.get("id", seed[:20]), key, bytes_of(asked["user"]["id"]))
        self.passkeys.append(made)
        public = lies.get("public_key", made.cose)
        data = self._data(asked["rp"]["id"], ATTESTED, made, lies)
        data += bytes(16) + len(made.id).to_bytes(2, "big") + made.id + public
        attestation = {
            "fmt": lies.get("format", "none"), "attStmt": lies.get("statement", {}),
            "authData": data,
        }  # fmt: skip
        client = self._client("webauthn.create", asked["challenge"], lies)
        response = {
            "clientDataJSON": text_of(client),
            "attestationObject": text_of(cbor2.dumps(attestation)),
        }
        return self._answer(made, response)

    def get(self, options: str, which: int = 0, **lies: Any) -> str:
        """The answer to request options, by the passkey of that number."""
        asked = json.loads(options)
        made = self.passkeys[which]
        allowed = [one["id"] for one in asked.get("allowCredentials", [])]
        assert not allowed or text_of(made.id) in allowed or lies, "the browser finds none"
        made.count += 1
        data = self._data(asked["rpId"], 0, made, lies)
        client = self._client("webauthn.get", asked["challenge"], lies)
        signature = made.sign(data + sha256(client).digest())
        response = {
            "clientDataJSON": text_of(client),
            "authenticatorData": text_of(data),
            "signature": text_of(lies.get("signature", signature)),
            "userHandle": text_of(lies.get("handle", made.person)),
        }
        return self._answer(made, response)

    def _client(self, kind: str, challenge: str, lies: dict[str, Any]) -> bytes:
        said = {"type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": False}
        names = ("type", "challenge", "origin", "crossOrigin", "topOrigin")
        return json.dumps(said | {n: lies[n] for n in names if n in lies}).encode()

    def _data(self, rp_id: str, more: int, made: Passkey, lies: dict[str, Any]) -> bytes:
        flags = lies.get("flags", PRESENT | VERIFIED) | more
        count = lies.get("count", made.count)
        rp_hash = sha256(lies.get("rp_id", rp_id).encode()).digest()
        return rp_hash + bytes([flags]) + int(count).to_bytes(4, "big")

    def _answer(self, made: Passkey, response: dict[str, str]) -> str:
        ident = text_of(made.id)
        return json.dumps(
            {"id": ident, "rawId": ident, "type": "public-key", "response": response,
             "clientExtensionResults": {}, "authenticatorAttachment": "platform"}
        )  # fmt: skip
