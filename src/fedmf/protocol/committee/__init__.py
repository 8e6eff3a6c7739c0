"""Protection `committee`: nobody holds a key to a single upload, and t of c members open sums.

Every upload has a key of its own, shared out among the members of a committee; whatever any t of
them say together opens the sum of a round, and nothing smaller. Read on in this order:

- `fedmf.protocol.enrolment`: what everybody agrees on, and who may sign what
- `opening`, `context`: how a round begins, and the hash that binds everything said in it
- `upload`: what a participant sends
- `exchange`: what server and members say to each other
- `certificate`, `closing`: how a round ends
- `member`, `server`, `participant`: the three roles
"""
