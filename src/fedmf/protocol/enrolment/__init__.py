"""Enrolment: who takes part under a committee, with which keys, and how everybody agrees on it.

Read on in this order:

- `public_keys`, `personal_keys`: what somebody shows to others, and what belongs to it
- `charter`, `roster`, `votes`, `roster_chain`: the root of trust, and who joined or left later
- `reader_secret`: what participants share, on its way to each of them
- `directory`: all of that which is public, in one place
- `enrolment`: what one participant or member has accepted, and goes by
"""
