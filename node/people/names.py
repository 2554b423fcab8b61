"""By which names people are called at a node, and what an invitation grants to a name."""

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Final

from node.core.people.rows import Invitation, Purse
from node.store_codecs import CODECS
from proto.money import Brand

MAX_NAME_CHARS: Final = 64
MAX_DISPLAY_CHARS: Final = 64
_LETTERS: Final = frozenset("abcdefghijklmnopqrstuvwxyz0123456789._-")
TOKEN_BYTES: Final = 16  # of an invitation: nobody guesses one of 2¹²⁸


def is_name(text: str) -> bool:
    """Lower-case ASCII letters, digits, and . _ - inside: two names never look the same."""
    whole = 0 < len(text) <= MAX_NAME_CHARS and _LETTERS.issuperset(text)
    return whole and text[0].isalnum() and text[-1].isalnum()


def invitation_id(token: str) -> bytes:
    """What is kept of an invitation's token: whoever reads the books cannot take it up."""
    return sha256(token.encode()).digest()


def limits_json(limits: Mapping[Brand, int]) -> str:
    """`Invitation.limits`: by a brand's hex id the limit and the brand itself."""
    return json.dumps(
        {
            brand.guid.hex(): {"brand": CODECS[Brand].to_db(brand).hex(), "limit": limit}
            for brand, limit in limits.items()
        },
        sort_keys=True,
    )


def limits_of(invitation: Invitation) -> dict[Brand, int]:
    """What `limits_json` was given."""
    found = json.loads(invitation.limits or "{}").values()
    return {CODECS[Brand].from_db(bytes.fromhex(x["brand"])): x["limit"] for x in found}


def purses_of(invitation: Invitation, person: bytes) -> tuple[Purse, ...]:
    """The purses with which an invited person begins, for `JoinPerson`."""
    limits = limits_of(invitation).items()
    return tuple(Purse(person, brand.guid, brand, limit) for brand, limit in limits)
