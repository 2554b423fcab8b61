"""The documents of a sale that an agent judges (escrow section 8)."""
