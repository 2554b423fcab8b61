"""The protocol: schema and pure meaning. What a second implementation must agree on.

Nothing here reads a clock, draws a random number or touches the outside; whatever varies comes in
as an argument. Imports nothing else of this project.
"""
