"""A sale that an agent judges, at its parties: secrets, hand-over, judging (escrow section 8)."""
