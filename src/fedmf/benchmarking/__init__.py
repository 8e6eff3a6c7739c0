"""What protecting, adding and opening cost, here and elsewhere, beside what no scheme can beat."""

from fedmf.benchmarking.machine import Machine, this_machine
from fedmf.benchmarking.operations import (
    ADD,
    LIMIT,
    MEMBER,
    OPEN,
    PROTECT,
    Cost,
    FloatAdd,
    Measured,
    Operations,
    measure,
    seconds_of,
)
from fedmf.benchmarking.own import own_operations
from fedmf.benchmarking.peers import Missing, PythonPaillier, peer, peer_operations
from fedmf.benchmarking.round_cost import GIGABIT, RoundCost
from fedmf.benchmarking.scheme import FACTORS, ROUNDS, Scheme, random_change
from fedmf.benchmarking.shown import rows_table

__all__ = [
    "ADD",
    "FACTORS",
    "GIGABIT",
    "LIMIT",
    "MEMBER",
    "OPEN",
    "PROTECT",
    "ROUNDS",
    "Cost",
    "FloatAdd",
    "Machine",
    "Measured",
    "Missing",
    "Operations",
    "PythonPaillier",
    "RoundCost",
    "Scheme",
    "measure",
    "own_operations",
    "peer",
    "peer_operations",
    "random_change",
    "rows_table",
    "seconds_of",
    "this_machine",
]
