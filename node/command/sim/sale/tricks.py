"""Tricks by their words: which a part can play, before anybody is bound and after (pure).

A crook of a run knows a few of them: who plays all of them never comes as far as the lock.
"""

from collections.abc import Sequence
from random import Random
from typing import Final

from proto.sale.stakes import SaleRole

B, S, A, J = SaleRole.BUYER, SaleRole.SELLER, SaleRole.AGENT, SaleRole.ARBITER

EARLY: Final = {
    B: ("other-salt", "other-account", "other-box", "other-promise", "fewer-letters",
        "other-contract", "opens-no-pool", "withholds-terms", "withholds-reveal", "other-rule",
        "late-asked", "late-terms"),
    S: ("other-salt", "other-account", "other-box", "other-rule", "withholds-reveal",
        "late-reveal", "late-ruled", "gives-nothing"),
    A: ("other-account", "other-box", "withholds-joined", "late-joined", "never-hands-over"),
    J: ("other-box", "withholds-joined", "late-joined"),
}  # fmt: skip
"""Nobody is bound yet, or nothing is locked."""
ANYBODY: Final = (
    "replays", "closes", "submits", "declines", "signs-early", "signs-both", "shouts-decided",
    "settles-falsely", "false-share", "others-share", "swaps-sale", "late-saleshare",
    "withholds-saleshare", "withholds-certificate", "false-certificate",
)  # fmt: skip
STAKER: Final = (
    "stakes-nothing", "stakes-elsewhere", "stakes-again", "spends-stake", "signs-unstaked",
    "withholds-staked", "false-stake", "late-staked", "overdue-share",
)  # fmt: skip
VOTER: Final = ("seals-other", "seals-twice", "opens-other-vote", "never-votes")
LATE: Final = {
    B: (*ANYBODY, *STAKER, *VOTER, "never-shows", "challenges-falsely", "keeps-the-money",
        "false-control", "submits-late"),
    S: (*ANYBODY, *STAKER, *VOTER, "gives-rubbish", "garbled", "recalls", "recalls-early",
        "concedes", "withholds-credential", "late-credential"),
    A: (*ANYBODY, *STAKER, "keeps-the-thing", "hands-rubbish", "hands-rubbish", "other-key",
        "other-legs", "other-order", "other-pool", "later-lock", "other-words", "other-log",
        "withholds-lock", "late-lock", "submits-late", "shows-key", "attests-falsely",
        "never-attests"),
    J: (*ANYBODY, "slashes-falsely"),
}  # fmt: skip
EARLY_ONES: Final = 0.15


def draw_tricks(random: Random, role: SaleRole) -> frozenset[str]:
    """What a crook of this part knows: one to four of them."""
    known: Sequence[str] = EARLY[role] if random.random() < EARLY_ONES else LATE[role]
    return frozenset(random.choice(known) for _ in range(random.randint(1, 4)))
