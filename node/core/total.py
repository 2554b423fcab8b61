"""What the promises for a request sum up to."""

from node.core.rows import Request


def whole_of(request: Request) -> int:
    """What its newest attempt is to bring in all, in smallest units: the amount that its payer
    chose. Attempts from before there was a choice have not said it: they were for all of it."""
    return request.taking or request.amount
