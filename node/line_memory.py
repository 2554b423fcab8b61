"""What lines refused lately: a payer's memory over all its payments (pure; time is an argument).

A line that has just refused 900 is not asked for 1,000 again for a while. Then the bound relaxes in
steps: it is asked for what it refused, for twice that, and so on, until nothing is left of it. A
newer advert that says something new is fresher than any memory, once; a line that refuses again
what its newer advert promised is held for longer, and its adverts do not help it any more.

Not kept on disk: within minutes it is worth nothing, and a node that starts hears fresh adverts.
Bounded by `MAX_LEARNED`, the oldest forgotten first. Owned by one task.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

from node.learning import Blame
from node.routing import LineEnds, RoutePart
from proto.limits import MAX_AMOUNT, US
from proto.reason import Refusal

# As long as a promise may lock credit by default: what was in the way then has ended, or is booked.
HOLD_US: Final = 60 * US
# Of a line that is one of several suspects: most of them did nothing, so they come back soon.
SUSPECT_US: Final = 20 * US
STEPS: Final = 8  # holds until all is forgotten: by then it would be asked for 64 times as much
MAX_DOUBLINGS: Final = 3  # of the hold, for repeated refusals: eight minutes at most
MAX_LEARNED: Final = 1024  # lines; each is looked at for each payment: a millisecond for all

_Key = tuple[LineEnds, bytes]  # and brand


@dataclass(frozen=True, slots=True)
class Said:
    """What the newest advert of a line says."""

    sequence: int
    available: int


Heard = Callable[[LineEnds, bytes], Said | None]
"""The newest advert of a line in a brand; None where there is none."""


@dataclass(frozen=True, slots=True)
class Refused:
    """What one line refused, and what it is asked for since.

    `asked` counts what of ours was pending on it at that time (`beside`); `carries`: what it might
    have taken instead; `used`: what went over it since. `repeats`: how often it refused again
    while it was remembered. `said`: its advert at that time.
    """

    line: LineEnds
    brand: bytes
    asked: int
    carries: int
    at_us: int
    why: Refusal
    certain: bool
    beside: int = 0
    used: int = 0
    repeats: int = 0
    said: Said | None = None

    @property
    def hold_us(self) -> int:
        """How long the bound stays before each step."""
        return (HOLD_US if self.certain else SUSPECT_US) << min(self.repeats, MAX_DOUBLINGS)

    @property
    def held_until_us(self) -> int:
        """When it is asked again for what it refused."""
        return self.at_us + self.hold_us

    @property
    def forgotten_us(self) -> int:
        """When nothing is left of it."""
        return self.at_us + STEPS * self.hold_us

    def bound(self, now_us: int, pending: int) -> int | None:
        """The most that it is asked for now, beside what is pending; None: whatever it says."""
        # A clock that was set back must not hold a line for ever: then it has just happened.
        steps = max(0, now_us - self.at_us) // self.hold_us
        if steps >= STEPS:
            return None
        believed = self.carries if steps == 0 else max(self.carries, self.asked << (steps - 1))
        return min(MAX_AMOUNT, max(0, believed - self.used - pending))

    def overridden(self, said: Said | None) -> bool:
        """Whether an advert is fresher truth: made after the refusal, with news in it, and not the
        second time. Sequences are times (`Gossip.sequence`); a node whose are not only waits."""
        if said is None or self.repeats or said.sequence <= self.at_us:
            return False
        return self.said is None or said.available != self.said.available


@dataclass(frozen=True, slots=True)
class Attempt:
    """Chains of one payment that are pending, in the payer's brand."""

    brand: bytes
    parts: tuple[RoutePart, ...]

    def on(self) -> Iterable[tuple[_Key, int]]:
        """(line, amount) of every promise."""
        for part in self.parts:
            for hop in part.hops:
                yield ((hop.promisor, hop.promisee), self.brand), hop.amount


@dataclass(frozen=True, slots=True)
class Bounds:
    """What lines are asked for at most: all of them, and those that refused for certain."""

    all: Mapping[LineEnds, int]
    certain: Mapping[LineEnds, int]


NO_BOUNDS: Final = Bounds(MappingProxyType({}), MappingProxyType({}))


class LineMemory:
    """Told of every attempt when it begins and ends, and of what refused it."""

    def __init__(self) -> None:
        self._refused: dict[_Key, Refused] = {}  # the one that refused last comes last
        self._attempts: dict[bytes, Attempt] = {}
        self._pending: dict[_Key, int] = {}  # of ours, over all attempts

    def __len__(self) -> int:
        return len(self._refused)

    # ------------------------------------------------------------------ what happens

    def began(self, payment: bytes, attempt: Attempt) -> None:
        """Chains were promised."""
        self._end(payment)  # an attempt that the core refused after all
        self._attempts[payment] = attempt
        for key, amount in attempt.on():
            self._pending[key] = self._pending.get(key, 0) + amount

    def ended(self, payment: bytes, *, carried: bool) -> None:
        """All chains have ended; `carried`: the payment went through, over all these lines."""
        attempt = self._end(payment)
        if attempt is None or not carried or not self._refused:
            return
        for key, amount in attempt.on():
            known = self._refused.get(key)
            if known is None:
                continue
            used = known.used + amount
            if not known.certain or used > known.carries:
                del self._refused[key]  # it has carried: the suspicion, or the bound, was wrong
            else:
                self._refused[key] = replace(known, used=used)

    def _end(self, payment: bytes) -> Attempt | None:
        attempt = self._attempts.pop(payment, None)
        for key, amount in attempt.on() if attempt else ():
            left = self._pending[key] - amount
            if left:
                self._pending[key] = left
            else:
                del self._pending[key]
        return attempt

    def refused(
        self,
        brand: bytes,
        blames: Iterable[Blame],
        why: Refusal,
        times: tuple[int, int],
        heard: Heard,
    ) -> None:
        """Lines that refused. `times`: when the attempt began, and now."""
        began_us, now_us = times
        for blame in blames:
            key = (blame.line, brand)
            known = self._refused.get(key)
            if known is not None and known.certain and not blame.certain:
                continue  # a suspicion adds nothing to what is known
            self._refused.pop(key, None)
            again = known is not None and known.at_us < began_us < known.forgotten_us
            beside = self._pending.get(key, 0)
            self._refused[key] = Refused(
                blame.line,
                brand,
                min(MAX_AMOUNT, blame.asked + beside),
                min(MAX_AMOUNT, blame.carries + beside),
                now_us,
                why,
                blame.certain,
                beside,
                repeats=known.repeats + 1 if known is not None and again else 0,
                said=heard(*key),
            )
        while len(self._refused) > MAX_LEARNED:
            del self._refused[next(iter(self._refused))]

    # ------------------------------------------------------------------ what is asked

    def bounds(self, brand: bytes, now_us: int, heard: Heard) -> "Bounds":
        """What lines are asked for at most now, where nobody knows better."""
        if not self._refused:
            return NO_BOUNDS
        found = [x for x in self._in_force(now_us, heard) if x[0].brand == brand]
        return Bounds(
            {one.line: bound for one, bound in found},
            {one.line: bound for one, bound in found if one.certain},
        )

    def shown(self, now_us: int, heard: Heard) -> Sequence[tuple[Refused, int]]:
        """All that is remembered, with what each line is asked for at most; the newest first."""
        return self._in_force(now_us, heard)[::-1]

    def forget(self, lines: Iterable[tuple[LineEnds, bytes]] | None = None) -> int:
        """Forgets these lines, or all; how many were known."""
        keys = list(self._refused) if lines is None else list(lines)
        return sum(self._refused.pop(key, None) is not None for key in keys)

    def _in_force(self, now_us: int, heard: Heard) -> list[tuple[Refused, int]]:
        found = []
        for key, one in list(self._refused.items()):
            bound = one.bound(now_us, self._pending.get(key, 0))
            if bound is None:
                del self._refused[key]
                continue
            said = heard(*key)
            # Kept all the same: if it refuses once more, its adverts are not to be believed.
            if not one.overridden(said) and (said is None or bound < said.available):
                found.append((one, bound))
        return found


def least(own: Mapping[LineEnds, int], told: Mapping[LineEnds, int]) -> dict[LineEnds, int]:
    """What lines carry: the less of what we see, or were told first, and what we were told."""
    return {**own, **{e: min(room, own.get(e, room)) for e, room in told.items()}}
