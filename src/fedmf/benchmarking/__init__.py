"""What protecting, adding and opening cost, here and elsewhere, beside what no scheme can beat."""

from fedmf.benchmarking.machine import Machine, this_machine
from fedmf.benchmarking.measuring import Row, measure
from fedmf.benchmarking.own import own_schemes, played_session, random_change
from fedmf.benchmarking.peers import Missing, peer_schemes
from fedmf.benchmarking.scheme import ADD, LIMIT, MEMBER, OPEN, PROTECT, Cost, FloatAdd, Scheme
from fedmf.benchmarking.shown import figure, rows_table

__all__ = [
    "ADD",
    "LIMIT",
    "MEMBER",
    "OPEN",
    "PROTECT",
    "Cost",
    "FloatAdd",
    "Machine",
    "Missing",
    "Row",
    "Scheme",
    "figure",
    "measure",
    "own_schemes",
    "peer_schemes",
    "played_session",
    "random_change",
    "rows_table",
    "this_machine",
]
