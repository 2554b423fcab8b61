"""A sale that an agent judges, as one node sees its part (escrow section 8). Pure."""
