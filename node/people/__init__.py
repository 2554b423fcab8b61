"""What a node does for the people whose accounts it keeps, beside its core: passkeys, calls."""
