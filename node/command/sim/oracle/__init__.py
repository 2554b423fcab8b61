"""The invariants of protocol section 9, told anew from what nodes store, say and book.

Nothing here asks the core what it thinks. Tables, prices and deadlines are written out a second
time on purpose: a rule that the core forgets must not be forgotten with it.
"""
