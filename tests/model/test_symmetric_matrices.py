import numpy as np
import pytest

from fedmf.model.symmetric_matrices import SharedBasis, from_upper, to_upper


@pytest.mark.parametrize("deficient", [False, True])
def test_one_basis_inverts_every_sum(deficient: bool) -> None:
    rng = np.random.default_rng(3)
    half = rng.normal(size=(3 if deficient else 20, 5))
    square = rng.normal(size=(9, 5))
    growing, fixed = half.T @ half / 20, square.T @ square + 0.1 * np.eye(5)
    counts, rows = np.array([0.0, 1.0, 7.0, 5_000.0]), rng.normal(size=(4, 5))
    shared = SharedBasis.of(growing, fixed)
    inverses = [np.linalg.inv(n * growing + fixed) for n in counts]
    expected = [inverse @ row for inverse, row in zip(inverses, rows, strict=True)]
    np.testing.assert_allclose(shared.solve(counts, rows), expected, rtol=1e-7, atol=1e-12)
    traces = [np.trace(square.T @ square @ inverse) for inverse in inverses]
    found = shared.traces(counts, square.T @ square)
    np.testing.assert_allclose(found, traces, rtol=1e-7, atol=1e-12)


def test_what_rounding_takes_below_zero_is_no_information() -> None:
    growing = np.diag([1.0, -1e-3])
    found = SharedBasis.of(growing, np.eye(2)).solve(np.array([10_000.0]), np.ones((1, 2)))
    np.testing.assert_allclose(found, [[1 / 10_001, 1.0]])


def test_symmetric_matrices_come_back_from_their_upper_triangle() -> None:
    matrix = np.array([[1.0, 2.0, 3.0], [2.0, 4.0, 5.0], [3.0, 5.0, 6.0]])
    assert to_upper(matrix).tolist() == [1, 2, 3, 4, 5, 6]
    np.testing.assert_array_equal(from_upper(to_upper(matrix), 3), matrix)
