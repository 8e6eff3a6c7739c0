"""How many bits the sum of all contributions needs.

A sum wraps modulo 2^w, so only the final sum has to fit into w bits, not every partial sum.
"""

from __future__ import annotations

import math
from decimal import ROUND_DOWN, Context, Decimal
from fractions import Fraction

from fedmf.errors import SettingsError, WordSizeError


def plan_word_bits(
    *,
    contributions: int,
    limit: float,
    fraction_bits: int,
    start_limit: float = 0.0,
    what: str,
    most_bits: int = 62,
) -> int:
    """Return the smallest word, in bits with the sign, that holds every possible sum.

    The sum starts at up to `start_limit`, and each contribution adds up to `limit`; both are
    rounded up to whole steps of ``2**-fraction_bits``. A word of w bits holds the integers from
    ``-2**(w-1)`` up to, but not including, ``2**(w-1)``. It also holds the difference of two
    contributions, because a participant that changes its contribution sends just that.

    Parameters
    ----------
    contributions
        Largest number of contributions in one sum, at least 1.
    limit
        Largest absolute value in one contribution.
    fraction_bits
        Number of bits after the binary point.
    start_limit
        Largest absolute value that the sum starts from.
    most_bits
        Largest word that the protection offers, 2 to 62.

    Raises
    ------
    SettingsError
        If a figure makes no sense by itself; all such figures are named at once.
    WordSizeError
        If the sum needs more than `most_bits`; the message says which figure to change, and to
        what.
    """
    problems = _problems(contributions, limit, fraction_bits, start_limit, most_bits)
    if problems:
        raise SettingsError(f"word size of {what}: " + "; ".join(problems))
    bits = _largest_sum(contributions, limit, fraction_bits, start_limit).bit_length() + 1
    if bits <= most_bits:
        return bits
    advice = _advice(contributions, limit, fraction_bits, start_limit, 2 ** (most_bits - 1) - 1)
    raise WordSizeError(
        f"{what}: the sum of {contributions:,} contributions of up to {limit:g} with "
        f"{fraction_bits} fraction bits needs words of {bits} bits, and only {most_bits} are "
        f"available; {advice}"
    )


def _problems(
    contributions: int, limit: float, fraction_bits: int, start_limit: float, most_bits: int
) -> list[str]:
    """Say which figures make no sense by themselves."""
    problems = []
    if contributions < 1:
        problems.append(f"contributions is {contributions}; choose at least 1")
    if not (math.isfinite(limit) and limit > 0):
        problems.append(f"limit is {limit}; choose a positive, finite number")
    if not 0 <= fraction_bits <= 62:
        problems.append(f"fraction_bits is {fraction_bits}; choose 0 to 62")
    if not (math.isfinite(start_limit) and start_limit >= 0):
        problems.append(f"start_limit is {start_limit}; choose a finite number, 0 or larger")
    if not 2 <= most_bits <= 62:
        problems.append(f"most_bits is {most_bits}; choose 2 to 62")
    return problems


def _in_steps(value: float, fraction_bits: int) -> int:
    """Round a bound up to whole steps, exactly: floating point could round it down."""
    return math.ceil(Fraction(value) * (1 << fraction_bits))


def _largest_sum(contributions: int, limit: float, fraction_bits: int, start_limit: float) -> int:
    one = _in_steps(limit, fraction_bits)
    return max(_in_steps(start_limit, fraction_bits) + contributions * one, 2 * one)


def _advice(
    contributions: int, limit: float, fraction_bits: int, start_limit: float, capacity: int
) -> str:
    """Say which single figure to change, and to what, so that the sum is at most `capacity`."""
    ways = []
    for fewer_bits in range(fraction_bits - 1, -1, -1):
        if _largest_sum(contributions, limit, fewer_bits, start_limit) <= capacity:
            ways.append(f"fraction_bits to at most {fewer_bits}")
            break
    one = _in_steps(limit, fraction_bits)
    room = capacity - _in_steps(start_limit, fraction_bits)
    if 2 * one <= capacity and room >= one:
        ways.append(f"contributions to at most {room // one:,}")
    smaller = min(room // contributions, capacity // 2)
    if smaller > 0:
        # Rounded towards zero, so that following the advice always works.
        exact = Context(prec=60).divide(Decimal(smaller), Decimal(2**fraction_bits))
        ways.append(f"limit to at most {float(Context(prec=6, rounding=ROUND_DOWN).plus(exact))!r}")
    if not ways:
        return "no single figure mends this: lower fraction_bits, limit and contributions together"
    return "lower " + ", or ".join(ways)
