"""Protection `committee`: nobody holds a key to a single upload, and t of c members open sums.

Every upload has a key of its own, shared out among the members of a committee; what any t of
them say together opens the sum of a round, and no single upload. Read on in this order:

- `fedmf.protocol.enrolment`: what everybody agrees on, and who may sign what
- `opening`, `upload`: how a round begins, with the hash that binds everything said in it, and what
  a participant sends
- `exchange`, `stages`: what server and members say to each other, and in which order
- `certificate`, `closing`: how a round ends
- `layout`, `sums`: how changes lie in words, and what opens their sum
- `member`, `server`, `participant`: the three roles; beside them what each holds of a round:
  `member_round`, `server_round`, `held_table`
"""
