"""Attacks: `attempt` works on an adversary's observables, `judge` on the truth."""
