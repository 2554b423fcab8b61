"""People whose accounts this node keeps, and what they approve (escrow section 10). Pure."""
