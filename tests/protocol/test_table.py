import hashlib

import numpy as np
import pytest

from fedmf.errors import FixedPointRangeError, SettingsError
from fedmf.protocol import RowChange, table_sha256
from tests.protocol.sessions import SHAPE


def test_digest_is_of_little_endian_words_row_by_row() -> None:
    table = [np.array([[1, 2], [3, -4]]), np.array([[5]])]
    words = b"".join(value.to_bytes(8, "little", signed=True) for value in (1, 2, 3, -4, 5))
    assert table_sha256(table) == hashlib.sha256(words).hexdigest()


def test_dense_fills_unlisted_rows_with_zeros() -> None:
    dense = SHAPE.dense([RowChange(np.array([2]), np.array([[7, 8, 9]]))])
    np.testing.assert_array_equal(dense[0], [[0, 0, 0], [0, 0, 0], [7, 8, 9], [0, 0, 0]])
    assert SHAPE.values == 12


def test_tables_of_another_shape_are_refused() -> None:
    with pytest.raises(SettingsError, match="shape"):
        SHAPE.check_table([np.zeros((4, 2), dtype=np.int64)])
    with pytest.raises(SettingsError, match="groups"):
        SHAPE.check_change([])
    with pytest.raises(SettingsError, match="do not fit"):
        SHAPE.check_change([RowChange(np.array([1]), np.zeros((2, 3), dtype=np.int64))])


@pytest.mark.parametrize("value", [2**19, -(2**19) - 1])
def test_values_beyond_their_word_are_refused(value: int) -> None:
    table = SHAPE.zeros()
    table[0][2, 1] = value
    with pytest.raises(FixedPointRangeError, match=f"{value} in row 2 of group 'items'"):
        SHAPE.check_table(table)
