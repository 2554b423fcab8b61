"""The search itself: what a network is kept as, and the cheapest chain of promises in it."""
