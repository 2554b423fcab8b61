"""What comes in return for a payment, as answers show it."""

from typing import Any

from node.control.context import Context
from node.control.escrow_view import seats_in
from node.control.receipts import payment_of
from node.core.keyed import Key
from node.core.people.rows import Confirmation
from node.core.rows import Payment, Transaction
from node.people.exchanging import Goods


def goods_json(context: Context, goods: Goods) -> dict[str, Any]:
    """The rights that change hands for the money of one request, and whom one has to believe.

    `name`, `type` and `attributes` are the registrar's signed words, `keeper` what it calls itself.
    """
    return {
        "exchange": goods.seat.deal.hex(),
        "transaction": goods.template,
        "seat": goods.seat.seat,
        "phase": goods.phase.name,
        "returns": [
            {
                "leg": one.no,
                "name": one.name,
                "type": one.kind,
                "attributes": one.attributes,
                "amount": one.amount,
                "fee_max": one.fee_max,
                "registrar": one.registrar.hex(),
                "keeper": one.keeper,
                "to": one.to,
                "ours": one.ours,
                "account": one.opened,
            }
            for one in goods.returns
        ],
        "registries": [context.policy_name(policy) for policy in goods.deciders],
        "rests_on": goods.rests_on,
        "ends_by_us": goods.ends_by_us,
    }


def keys_of(context: Context, row: Confirmation) -> list[Key]:
    """Of the rows of an approval under way: who shows it looks again when one of them changes."""
    keys: list[Key] = [row.key]
    if row.seat:
        keys += [s.key for s in seats_in(context, row.seat) if s.confirmation == row.id]
    payment = payment_of(context, row)
    keys.append((Payment.table, row.id, b"") if payment is None else payment.key)
    if payment is not None and payment.commit:
        keys.append((Transaction.table, payment.commit, b""))
        keys += [p.key for p in context.engine.memory.promises_of(payment.commit)]
    return keys
