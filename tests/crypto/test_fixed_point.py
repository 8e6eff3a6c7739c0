from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedmf.crypto.fixed_point import FixedPoint
from fedmf.errors import FixedPointRangeError, SettingsError


def test_encode_counts_steps_and_rounds_ties_to_even() -> None:
    quarters = FixedPoint(fraction_bits=2, limit=10)
    values = np.array([0.0, 0.25, -0.25, 1.0, 0.125, 0.375, -0.125, -0.375, 0.3])
    np.testing.assert_array_equal(quarters.encode(values, what="v"), [0, 1, -1, 4, 0, 2, 0, -2, 1])


def test_encode_keeps_the_shape_and_returns_int64() -> None:
    encoded = FixedPoint(fraction_bits=3, limit=4).encode(np.ones((3, 2)), what="v")
    assert encoded.shape == (3, 2)
    assert encoded.dtype == np.int64


@given(st.floats(-100, 100), st.integers(0, 50))
def test_encode_agrees_with_exact_rational_rounding(value: float, bits: int) -> None:
    system = FixedPoint(fraction_bits=bits, limit=100)
    numerator, denominator = value.as_integer_ratio()
    # Round half to even, only with integers.
    quotient, rest = divmod(numerator << bits, denominator)
    expected = quotient + (2 * rest > denominator or (2 * rest == denominator and quotient % 2))
    assert system.encode(np.array([value]), what="v")[0] == expected


@given(st.integers(-(2**53), 2**53), st.integers(0, 62))
def test_decode_is_exact_up_to_2_to_the_53(integer: int, bits: int) -> None:
    decoded = FixedPoint(fraction_bits=bits, limit=0.5).decode(np.array([integer]))[0]
    numerator, denominator = decoded.as_integer_ratio()
    assert numerator * 2**bits == integer * denominator


def test_decode_undoes_encode_within_half_a_step() -> None:
    system = FixedPoint(fraction_bits=7, limit=3)
    values = np.random.default_rng(0).uniform(-3, 3, (40, 5))
    error = np.abs(system.decode(system.encode(values, what="v")) - values)
    assert 0 < error.max() <= 2.0**-8


def test_the_limit_itself_is_encoded_and_is_the_largest() -> None:
    system = FixedPoint(fraction_bits=10, limit=2.7)
    encoded = system.encode(np.array([2.7, -2.7]), what="v")  # 2.7 * 1024 = 2764.8
    np.testing.assert_array_equal(encoded, [2765, -2765])


@pytest.mark.parametrize("bad", [1.5, -1.5, math.nan, math.inf, -math.inf])
def test_values_out_of_range_are_refused_by_value_row_column_and_range(bad: float) -> None:
    values = np.zeros((4, 3))
    values[2, 1] = bad
    with pytest.raises(FixedPointRangeError) as refusal:
        FixedPoint(fraction_bits=8, limit=1.25).encode(values, what="item factors")
    message = str(refusal.value)
    assert message.startswith("item factors: ")
    assert f"value {bad} in row 2, column 1 lies" in message
    assert "-1.25 to 1.25" in message


def test_rows_are_named_as_the_caller_names_them_and_further_values_are_counted() -> None:
    values = np.array([[0.0], [9.0], [8.0]])
    with pytest.raises(FixedPointRangeError, match=r"9\.0 in row 501, column 0 \(and 1 more"):
        FixedPoint(fraction_bits=8, limit=1).encode(
            values, what="v", rows=np.array([500, 501, 502])
        )


def test_a_vector_has_rows_alone() -> None:
    with pytest.raises(FixedPointRangeError, match="in row 1 lies"):
        FixedPoint(fraction_bits=8, limit=1).encode(np.array([0.0, 2.0]), what="v")


@pytest.mark.parametrize("shape", [(), (2, 2, 2)])
def test_tables_have_one_or_two_dimensions(shape: tuple[int, ...]) -> None:
    with pytest.raises(SettingsError, match="one or two dimensions"):
        FixedPoint(fraction_bits=8, limit=1).encode(np.zeros(shape), what="v")


def test_rows_must_name_every_row() -> None:
    with pytest.raises(SettingsError, match=r"names of shape \(3,\)"):
        FixedPoint(fraction_bits=8, limit=1).encode(np.zeros((2, 3)), what="v", rows=np.arange(3))


@pytest.mark.parametrize("limit", [-1.0, math.nan, math.inf])
def test_limits_that_are_no_limits_are_refused(limit: float) -> None:
    with pytest.raises(SettingsError, match="limit is"):
        FixedPoint(fraction_bits=8, limit=limit)


def test_a_limit_of_zero_admits_zero_alone() -> None:
    nothing = FixedPoint(fraction_bits=8, limit=0)
    np.testing.assert_array_equal(nothing.encode(np.zeros(2), what="v"), [0, 0])
    with pytest.raises(FixedPointRangeError):
        nothing.encode(np.array([5e-324]), what="v")


def test_all_problems_are_named_at_once() -> None:
    with pytest.raises(SettingsError, match=r"fraction_bits is -1.*limit is -2"):
        FixedPoint(fraction_bits=-1, limit=-2)


@pytest.mark.parametrize(("bits", "limit"), [(60, 4.0), (0, 2.0**62), (10, 1e308)])
def test_systems_beyond_int64_are_refused(bits: int, limit: float) -> None:
    with pytest.raises(SettingsError, match="reaches 2\\^62 steps"):
        FixedPoint(fraction_bits=bits, limit=limit)


def test_the_widest_system_encodes_its_limit() -> None:
    system = FixedPoint(fraction_bits=60, limit=math.nextafter(4.0, 0))
    [encoded] = system.encode(np.array([system.limit]), what="v")
    assert encoded == int(system.limit * 2**60) < 2**62
