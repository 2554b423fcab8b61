"""Every bound of the protocol, each with its reason (protocol sections 2-5, registry section 2).

What only one daemon enforces against its own neighbours stands in that daemon's configuration.
"""

from typing import Final

US: Final = 1_000_000  # microseconds in a second

MAX_AMOUNT: Final = 2**63 - 1  # fits a signed 64-bit column of every database
MAX_RATE_DECIMALS: Final = 9
MAX_FEE_RATE: Final = 1000  # dearer is a refusal in disguise, and would overflow path search
MAX_EXCHANGE_RATE: Final = 10**9  # between the finest and the coarsest unit in use

MAX_HOPS: Final = 20  # promises in a chain; also the layers of an instruction packet
MAX_PARTS: Final = 16  # chains under one commit: more would only make an attempt more fragile
MAX_ALTERNATIVES: Final = 10  # more chains than a person compares; each costs a handful of searches

# Section 5. Each margin holds 500 ms of clock error of both parties and a slow network answer.
DECISION_TIME_US: Final = 10 * US
PAYEE_MARGIN_US: Final = 2 * US
STAMP_MARGIN_US: Final = 2 * US
PRESENT_MARGIN_US: Final = 2 * US
WATCH_MARGIN_US: Final = 2 * US
GRACE_US: Final = 1 * US  # a promisor waits this long past an expiry: an answer on its way counts
GUARD_US: Final = 2 * US  # a registry waits this long past D: one leap second and its clock error
WATCH_INTERVAL_US: Final = 1 * US
DEFAULT_HOLD_MAX_US: Final = 60 * US
CLOCK_ERROR_MAX_US: Final = US // 2  # beyond it a node may only take pairs of mode ATOMIC

MAX_DESCRIPTOR_BYTES: Final = 4096  # N1: registries keep one for every decision
MAX_COMMITTERS: Final = 32  # N2: each costs one signature check at every member
MAX_POLICY_MEMBERS: Final = 16  # N3: a certificate holds a statement of each
MIN_DELTA_US: Final = 1 * US  # N3: below it honest members could split
MAX_DELTA_US: Final = 60 * US  # N3: above it every hold becomes long
MAX_HASHLOCKS: Final = 8  # N5
MAX_EVIDENCE_BYTES: Final = 16_384  # 32 shares, 8 preimages and 16 relayed statements fit
MAX_PREIMAGE_BYTES: Final = 64  # a key or a nonce, never content
MAX_STATEMENT_BYTES: Final = 1024
MAX_STATEMENT_SIGNATURES: Final = 4  # the old and the new key while they overlap, and their spares
MAX_TLOG_PROOF_BYTES: Final = 16_384  # 64 levels and the cosignatures of a dozen witnesses
MAX_LOG_SIZE: Final = 2**63 - 1  # leaves of one log; fits a signed 64-bit column
MAX_LOG_PATH: Final = 63  # hashes of a proof in a log of that size, and what C2SP witnesses take
MAX_NOTE_BYTES: Final = 12_288  # 16 Ed25519 signatures with long names; fits into a log proof
MAX_NOTE_LINES: Final = 64  # a checkpoint has three, its extension lines and its signatures
MAX_NOTE_SIGNATURES: Final = 32  # C2SP: at least 16; each known one costs a verification
MAX_NOTE_NAME_CHARS: Final = 255  # names are host and path of somebody
MAX_RECORD_BYTES: Final = 16_384
MAX_ROOTS: Final = 16  # a root changed yearly lasts sixteen years
MAX_ROOT_KEYS: Final = 16
MAX_RECORD_KEYS: Final = 32
MAX_RECORD_SEQUENCE: Final = 2**58 - 1  # with the number of roots before it, 63 bits
MAX_RECORD_REVOCATIONS: Final = 32  # every key that a record can hold
MAX_RECORD_WITNESSES: Final = 12  # a proof with the cosignatures of all of them still fits

MAX_ENVELOPE_BYTES: Final = 65_536  # a certificate of 16 members with proofs is below 40 KiB
MAX_BATCH_LEAVES: Final = 1 << 16  # an inclusion path has at most 16 hashes
MAX_SEQUENCE: Final = 2**63 - 1  # as MAX_AMOUNT: beyond it a database refuses the row
MAX_ADVERT_BYTES: Final = 8192
MAX_RECORD_ADVERT_BYTES: Final = MAX_RECORD_BYTES + 64  # and the envelope around it
# Adverts of nodes and lines are numbered by their signer's clock. One that is further ahead would
# bar all that follow until the day it names; by then an advert of an honest clock has expired.
MAX_SEQUENCE_AHEAD_US: Final = 3600 * US
MAX_ADVERT_LIFE_US: Final = 86_400 * US  # a node that vanished is forgotten within the day
MAX_ADVERT_REGISTRIES: Final = 64
MAX_EXCHANGE_RATES: Final = 32
MAX_REQUEST_BYTES: Final = 8192
MAX_REQUEST_ATTEMPTS: Final = 32  # decline hashes in a payment request
MAX_REQUEST_POLICIES: Final = 16
MAX_DESCRIPTION_CHARS: Final = 640
MAX_ALIAS_CHARS: Final = 64
MAX_ADDRESS_CHARS: Final = 255
MAX_BRAND_NAME_CHARS: Final = 32

MIN_LEAD_US: Final = US // 2  # a commit is submitted this long before D: round trip and p99
# A promise of an exchange's leg sets out no later than this before D: it has to reach its payee,
# who signs no later than two MIN_LEADs before D, and that share has to reach the coordinator.
BOUND_LEAD_US: Final = 2 * US
CLAIM_TRAVEL_US: Final = US // 2  # a payee signs only while its claim can still arrive in time

# Escrow. A proposal with everything in it, and a letter around it, travels as one envelope.
MAX_SEATS: Final = 16  # half of the committers that a descriptor may name: others may watch too
MAX_LEGS: Final = 32  # of one transaction; each is a row and two messages at somebody's registrar
MAX_PROPOSAL_BYTES: Final = 49_152  # sixteen cards of 700 bytes, twenty rights, one template
MAX_TEMPLATE_BYTES: Final = 16_384  # the longest that ships has 1,500
MAX_INSTANCE_BYTES: Final = 8192
MAX_COORDINATORS: Final = 8  # tried one after the other
MAX_SEAT_CHARS: Final = 32
MAX_TYPE_CHARS: Final = 32
MAX_ATTRIBUTES_BYTES: Final = 512  # what tells a right from others of its type, not its content
MAX_BATCH_OPS: Final = 64  # escrow section 4: a bounded transaction, and enough for any entry
CAPABILITY_BYTES: Final = 32  # 256 random bits: nobody guesses one
ACCOUNT_ID_BYTES: Final = 16
SHORT_DECISION_US: Final = 30 * US  # D of a transaction in which software acts on every seat
MAX_JOINING_US: Final = 30 * 86_400 * US  # a holiday; so long an invitation takes its room
MAX_LOCK_US: Final = 400 * 86_400 * US  # a loan over a year; no registrar locks for longer
MAX_LETTER_BYTES: Final = MAX_ENVELOPE_BYTES  # as any envelope: a dossier is the longest
