"""One payment, and a crash at each of its writes and sends in turn."""
