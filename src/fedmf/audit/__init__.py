"""See it leak, see it hold: adversaries, what they see, and what they can make of it."""
