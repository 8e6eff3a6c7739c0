import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedmf.errors import FixedPointRangeError
from fedmf.federation.table_codec import TableCodec, difference
from fedmf.model import RowGroup, RowValues
from fedmf.protocol import RowChange

GROUPS = (
    RowGroup(
        "items", rows=5, columns=2, fraction_bits=8, limit=4.0, start_limit=1.0, of_items=True
    ),
    RowGroup(
        "counts", rows=5, columns=1, fraction_bits=0, limit=1.0, start_limit=0.0, of_items=False
    ),
)


@pytest.fixture
def codec() -> TableCodec:
    return TableCodec(GROUPS, users=10)


def test_words_follow_from_limits_steps_and_users(codec: TableCodec) -> None:
    # (1 + 10 * 4) * 2^8 = 10496 < 2^14 and 10 < 2^4, plus a sign each.
    assert [group.word_bits for group in codec.shape.groups] == [15, 5]


def test_tables_come_back_to_the_nearest_step(codec: TableCodec) -> None:
    table = {"items": np.linspace(-1, 1, 10).reshape(5, 2), "counts": np.zeros((5, 1))}
    back = codec.decode_table(codec.encode_table(table))
    np.testing.assert_allclose(back["items"], table["items"], atol=2**-9)


def test_contributions_come_back(codec: TableCodec) -> None:
    contribution = {
        "items": RowValues(np.array([1, 3]), np.array([[0.5, -4.0], [3.25, 0.0]])),
        "counts": RowValues(np.array([3]), np.array([[1.0]])),
    }
    back = codec.decode_contribution(codec.encode_contribution(contribution, users=1))
    for name, part in contribution.items():
        np.testing.assert_array_equal(back[name].rows, part.rows)
        np.testing.assert_array_equal(back[name].values, part.values)


def test_range_grows_with_the_users_of_a_silo(codec: TableCodec) -> None:
    contribution = {
        "items": RowValues(np.array([4]), np.array([[7.0, 0.0]])),
        "counts": RowValues(np.zeros(0, dtype=np.int64), np.zeros((0, 1))),
    }
    codec.encode_contribution(contribution, users=2)
    with pytest.raises(FixedPointRangeError, match=r"group 'items'.*7\.0 in row 4.*-4\.0 to 4\.0"):
        codec.encode_contribution(contribution, users=1)


def rows(*numbers: int, value: int) -> RowChange:
    return RowChange(np.array(numbers, dtype=np.int64), np.full((len(numbers), 2), value))


def test_difference_covers_the_rows_of_both() -> None:
    found = difference([rows(1, 3, value=5)], [rows(3, 4, value=2)])[0]
    np.testing.assert_array_equal(found.rows, [1, 3, 4])
    np.testing.assert_array_equal(found.values[:, 0], [5, 3, -2])
    assert difference([rows(1, value=5)], None)[0].rows.tolist() == [1]


@given(st.lists(st.dictionaries(st.integers(0, 6), st.integers(-99, 99)), min_size=1, max_size=5))
def test_uploaded_differences_add_up_to_the_last_contribution(
    history: list[dict[int, int]],
) -> None:
    total = np.zeros((7, 1), dtype=np.int64)
    old = None
    for contribution in history:
        numbers = sorted(contribution)
        values = np.array([[contribution[k]] for k in numbers], dtype=np.int64).reshape(-1, 1)
        new = [RowChange(np.array(numbers, dtype=np.int64), values)]
        upload = difference(new, old)[0]
        total[upload.rows] += upload.values
        old = new
    expected = np.zeros(7, dtype=np.int64)
    for row, value in history[-1].items():
        expected[row] = value
    np.testing.assert_array_equal(total[:, 0], expected)
