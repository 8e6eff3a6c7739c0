"""From what `bayes` uploads back to ratings: one upload, one line.

Of every rated item a participant contributes z_j = e_j [u; 1] - [Phi_uu v_j + Phi_ub; 0] + C W_j.
C and W are public, and Phi follows from them and from *which* items were rated, the ratings play no
part. So the last column shows every error e_j as it is, the other columns show u, and the sum of
all ratings, which every participant uploads in the set-up round, shows the user's bias.
"""

from __future__ import annotations

import numpy as np

from fedmf.model import FloatArray, PublicModel
from fedmf.model.bayes import STARS, Bayes
from fedmf.model.shared_basis import SharedBasis
from fedmf.protocol import Int64Array


def ratings_of_bayes(
    method: Bayes,
    public: PublicModel,
    rated: Int64Array,
    sums: FloatArray,
    totals: FloatArray,
) -> FloatArray:
    """Return the ratings behind the contribution of one user, NaN where its row was held back.

    Parameters
    ----------
    method
        The method with its public parameters.
    public
        The model that the participant had downloaded.
    rated
        Items that it rated, those included whose rows stayed at home, shape (n,).
    sums
        The contribution to these items, shape (n, d + 1); zeros where the row stayed at home.
    totals
        What it contributed to the totals: its ratings from the middle of the scale, and their
        number, shape (2,).
    """
    known = public.statistics
    shared = SharedBasis(known["basis"], known["spreads"])
    scale = method.scale
    star = (scale.highest - scale.lowest) / STARS
    vectors = public.item_factors[rated]
    means = vectors[:, :-1] / star
    means[:, -1] = (vectors[:, -1] - scale.lowest) / star - known["mean"][0]
    extended = means.copy()
    extended[:, -1] = 1.0
    precision = extended.T @ extended
    uncertain = method.noise * shared.inverse_sum(known["raters"][rated])
    precision[:-1, :-1] += uncertain[:-1, :-1]
    noise_over_bias = method.noise / method.user_bias_variance
    precision[np.diag_indices_from(precision)] += [method.noise] * method.factors + [
        noise_over_bias
    ]
    covariance = method.noise * np.linalg.inv(precision)
    # What is left of z when all that is public is taken away: e_j [u; 1].
    left = sums - means @ known["gram"]
    left[:, :-1] += extended @ covariance[:, :-1]
    left[~sums.any(axis=1)] = 0.0
    errors = left[:, -1]
    user = errors @ left[:, :-1] / max(float(errors @ errors), 1e-300)
    # The normal equation of the bias says that the errors sum to noise / variance times the bias.
    stars = (vectors[:, :-2] @ user + vectors[:, -1] - scale.lowest) / star
    per_rating = totals[0] / totals[1] if totals[1] else 0.0
    wanted = len(rated) * (per_rating + STARS / 2)
    bias = (wanted - stars.sum()) / (len(rated) + noise_over_bias)
    ratings: FloatArray = scale.lowest + star * (stars + bias + errors)
    ratings[~sums.any(axis=1)] = np.nan
    return ratings
