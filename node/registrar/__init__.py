"""The registrar: titles that this node keeps for others, and their transfer (escrow section 4)."""
