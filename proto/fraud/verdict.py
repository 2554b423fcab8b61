"""What comes of a fraud file: a verdict with its ground, or the one reason why it shows nothing."""

from dataclasses import dataclass
from enum import Enum, IntEnum, unique


@unique
class FraudKind(IntEnum):
    """The seven kinds of registry section 8, E1 to E7, numbered as on the wire."""

    EQUIVOCATION = 1
    INVALID_DECISION = 2
    ANSWER_DIFFERS = 3
    SPLIT_VIEW = 4
    DOUBLE_LEAF = 5
    BACK_DATING = 6
    WITHHOLDING = 7

    @property
    def label(self) -> str:
        """E1 to E7, as the table of registry section 8 calls them."""
        return f"E{self.value}"

    @property
    def may_be_a_failure(self) -> bool:
        """Whether an outage at the wrong moment looks the same as the lie.

        A registry that crashed between a statement and its checkpoint, and was away for longer
        than it promised, has broken its word without meaning to.
        """
        return self in (FraudKind.BACK_DATING, FraudKind.WITHHOLDING)


@unique
class Ground(Enum):
    """What exactly a file shows. Each belongs to one kind."""

    TWO_DECISIONS = "two decisions about one transaction"
    COMMITTED_AND_EPOCH = "a commit, and an answer that there was no decision"
    LATE_COMMIT = "a commit that was decided after its own limit"
    UNJUSTIFIED_LIMIT = "a commit with a later limit than its evidence justifies"
    FAILED_EVIDENCE = "a commit on evidence that does not satisfy the descriptor"
    WRONG_DEADLINE = "a decision by another deadline than the descriptor's"
    EARLY_REFUSAL = "a deadline refusal before the last commit was surely too late"
    UNFOUNDED_DECLINE = "a decline without the preimage that declines"
    EARLY_EPOCH = "an answer by the epoch about a deadline that the epoch had not reached"
    OTHER_LEAF = "an answer that differs from the log entry it names"
    TWO_ROOTS = "two checkpoints of one size with different roots"
    OTHER_PAST = "a later log that does not begin with what an earlier checkpoint said"
    TWO_LEAVES = "two leaves at one index"
    LOGGED_TWICE = "two leaves about one transaction"
    BEHIND_FENCE = "a commit logged behind the fence that had closed its deadline"
    BACK_DATED = "a leaf older than the checkpoint that lacks it"
    WITHHELD = "a statement that witnesses did not find in the log in time"
    SILENT = "a statement that monitors did not find in the log in time"


@unique
class FraudFault(Enum):
    """Why a file shows nothing."""

    RECORD = "its record of the accused cannot be verified"
    REPLACED_ROOT = "its record is by a root that the accused has replaced: anybody may hold it now"
    CONTENT = "it does not hold what its kind needs"
    OTHER_REGISTRY = "a statement is not by the accused"
    SIGNATURE = "a statement is not signed by a key that the accused certified"
    DEAD_KEY = "a key's life was over or it was revoked: its thief could have signed this"
    STATEMENT = "a statement cannot be read"
    LEAF = "a leaf cannot be read"
    CHECKPOINT = "a checkpoint is not signed by a log key that the accused certified"
    NOT_IN_LOG = "a leaf is not proven to be in the log at its index"
    OTHER_TRANSACTION = "its parts are about different transactions"
    OTHER_LOG = "its parts are about different logs"
    SAME_LEAF = "both say the same"
    SAME_OUTCOME = "both say that it did not commit, and an epoch answer names no reason"
    DESCRIPTOR = "its descriptor is invalid"
    NOT_A_MEMBER = "its descriptor asks another registry"
    OTHER_EVIDENCE = "its evidence is not what the decision was made on"
    SOUND = "the decision follows from what the file shows"
    OTHER_SIZE = "its checkpoints have different sizes, and no proof lies between them"
    NO_PREFIX = "the proof between its checkpoints does not hold"
    SAME_ROOT = "its checkpoints agree"
    OTHER_INDEX = "its leaves stand at different indices"
    SAME_INDEX = "its leaves stand at one index: that is a split view"
    NOT_BEHIND = "the commit does not stand behind the fence"
    NOT_CLOSED = "the fence had not reached the deadline"
    COVERED = "the checkpoint has the leaf already"
    NO_QUORUM = "nobody is named whose time the accused would have to accept"
    TOO_FEW = "too few of those named vouch for the time"
    NO_TIME = "an epoch answer has no time of its own"


class FraudInvalid(ValueError):
    """The file shows nothing. `fault` names why."""

    def __init__(self, fault: FraudFault) -> None:
        super().__init__(fault.value)
        self.fault = fault


@dataclass(frozen=True, slots=True)
class Verdict:
    """A verified accusation.

    `one` and `other`: the two things that contradict each other, a line each. `figures`: what
    shows it, in one line. `rests_on`: whom one has to believe besides mathematics, by name.
    """

    registry: bytes
    name: str
    kind: FraudKind
    ground: Ground
    one: str
    other: str
    figures: str
    commit_id: bytes = b""
    rests_on: tuple[str, ...] = ()
