"""What a house refuses, and what the parties are told of it."""

import pytest

from node.core.sale.rows import SalePhase
from proto.escrow.ops import RegistrarError
from proto.sale.ops import OpenPool
from proto.sale.reasons import SaleReason
from proto.sale.stakes import SaleRole
from tests.node.core.sale_table import SaleTable


@pytest.mark.parametrize(
    ("said", "because"),
    [
        (RegistrarError.INSUFFICIENT_FUNDS, SaleReason.FUNDS_SHORT),
        (RegistrarError.NOT_VETTED, SaleReason.NO_ACCOUNT),
        (RegistrarError.POLICY_NOT_ACCEPTED, SaleReason.NO_POLICY),
        (RegistrarError.LOCK_TOO_LONG, SaleReason.HOUSE_REFUSED),
    ],
)
def test_a_pool_that_is_not_opened(said: RegistrarError, because: SaleReason) -> None:
    table = SaleTable()
    table.refuses["bob", OpenPool] = int(said)
    table.agree()
    for name in ("bob", "sally", table.agent):
        sale = table.sale(name)
        assert (sale.phase, sale.because) == (SalePhase.CLOSED, because), name
        assert not any(sale.staked)
        if because is SaleReason.FUNDS_SHORT:
            assert sale.blamed is SaleRole.BUYER
