"""Pictures of routes and networks. `…_layout` rooms are geometry alone; the others need matplotlib.

Lengths are inches, x from the left and y from the top of the page. What is drawn depends on the
network alone, so the same question gives the same bytes.
"""
