"""Items' posteriors under method `bayes`: public functions of sums over their raters.

Their prior means are linear in what popularity and raters say before any rating, and the most
likely ones (type-II maximum likelihood): with the items' own values integrated out, each direction
of the shared basis is a ridge regression of the items' sums on public facts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fedmf.model.rows import FloatArray
from fedmf.model.symmetric_matrices import SharedBasis, blockwise_product


@dataclass(frozen=True, eq=False, slots=True, repr=False)
class ItemPosteriors:
    """Means of the items; their covariances follow from their weights."""

    means: FloatArray
    """W, shape (items, d + 1)."""
    prior_means: FloatArray
    """Where items without any sum are, shape (items, d + 1)."""

    @classmethod
    def solved(
        cls, shared: SharedBasis, weights: FloatArray, sums: FloatArray, facts: FloatArray
    ) -> ItemPosteriors:
        """Return W_j = (o_j C + R)^-1 (S_j + R times the prior mean).

        Parameters
        ----------
        shared
            Of C and R.
        weights, sums
            o_j and S_j, shapes (items,) and (items, d + 1); 0 where nothing was summed.
        facts
            See `item_facts`, shape (items, 3 + c).
        """
        summed = weights > 0
        turned = sums @ shared.basis
        found = _prior_weights(facts[summed], weights[summed], shared.spreads, turned[summed])
        centres = facts @ found
        solved = (turned + centres) * shared.weights(weights)
        return cls(solved @ shared.basis.T, centres @ shared.basis.T)


def item_facts(raters: FloatArray, found: FloatArray) -> FloatArray:
    """Return what an item's prior mean is a linear function of, shape (items, 3 + c).

    1, the logarithm of its number of raters, the square of that, both centred over the items that
    have raters, and its features.
    """
    seen = raters > 0
    logs = np.log1p(raters)
    if seen.any():
        logs -= logs[seen].mean()
        squares = logs * logs
        squares -= squares[seen].mean()
    else:
        squares = logs
    return np.column_stack([np.ones(len(raters)), logs, squares, found])


def _prior_weights(
    facts: FloatArray, weights: FloatArray, spreads: FloatArray, sums: FloatArray
) -> FloatArray:
    """Return the most likely coefficients of the items' prior means, shape (3 + c, d + 1).

    In the basis in which C and R are diagonal an item's sum has, for each direction, precision
    o s / (1 + o s) and expectation o s times its prior mean: a ridge regression a direction.

    Parameters
    ----------
    facts, weights
        Of the items that have sums, shapes (r, 3 + c) and (r,).
    spreads
        s, shape (d + 1,).
    sums
        B' S_j, shape (r, d + 1).
    """
    ridge = np.eye(facts.shape[1])
    ridge[0, 0] = 1e-3
    found = np.empty((facts.shape[1], len(spreads)))
    for direction, spread in enumerate(spreads):
        known = 1.0 / (1.0 + weights * spread)
        weighted = facts * (known * weights * spread)[:, np.newaxis]
        right = blockwise_product(facts, (known * sums[:, direction])[:, np.newaxis])[:, 0]
        found[:, direction] = np.linalg.solve(blockwise_product(weighted, facts) + ridge, right)
    return found
