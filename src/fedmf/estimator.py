"""A thin adapter for scikit-learn's tools, which nothing here needs or loads."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import ArrayLike, NDArray

from fedmf.errors import DataError
from fedmf.evaluation import GlobalMean, rmse
from fedmf.model import FloatArray
from fedmf.ratings import codes_by_text, id_text, load_ratings
from fedmf.ratings.column_names import places_by_name
from fedmf.recommender import FederatedRecommender


class RatingEstimator:
    """Predicts ratings from pairs, for ``clone``, ``cross_validate`` and ``GridSearchCV``.

    X has two columns, user and item, or is a frame with columns of such names; y has the ratings.
    `fedmf.cross_validate` and `fedmf.tune` are quicker, because they need no pairs, and know
    rankings.

    Parameters
    ----------
    scale
        Lowest and highest possible rating; None: those of the training ratings.
    **settings
        Of `FederatedRecommender`.

    Raises
    ------
    UnknownNameError, SettingsError
        Settings that do not exist or cannot work.
    """

    def __init__(self, *, scale: tuple[float, float] | None = None, **settings: Any) -> None:
        self.scale = scale
        self.recommender = FederatedRecommender().set_params(**settings)
        self._mean: GlobalMean | None = None

    def get_params(self, deep: bool = True) -> dict[str, Any]:  # noqa: FBT001, FBT002 - its signature
        """Return every parameter by its name."""
        return {"scale": self.scale, **self.recommender.get_params(deep=deep)}

    def set_params(self, **params: Any) -> RatingEstimator:
        """Change parameters for the next `fit`."""
        scale = params.pop("scale", self.scale)
        self.recommender.set_params(**params)
        self.scale = scale
        return self

    def fit(self, X: Any, y: ArrayLike) -> RatingEstimator:  # noqa: N803 - scikit-learn's name
        """Train on pairs, shape (n, 2), and their ratings, shape (n,)."""
        users, items = _columns(X)
        values = np.asarray(y, dtype=np.float64)
        if values.shape != users.shape:
            raise DataError(f"X has {len(users):,} pairs, and y is of shape {values.shape}")
        frame = pa.table({"user": users.tolist(), "item": items.tolist(), "rating": values})
        self.recommender.fit(load_ratings(frame, scale=self.scale), progress=False)
        self._mean = GlobalMean.fit(values)
        return self

    def predict(self, X: Any) -> FloatArray:  # noqa: N803
        """Return predicted ratings, shape (n,).

        For users and items that were not among the training ratings, their mean.
        """
        model = self.recommender.model
        users, items = (
            np.array([codes.get(id_text(one), -1) for one in column], dtype=np.int32)
            for codes, column in zip(
                map(codes_by_text, (model.user_ids, model.item_ids)), _columns(X), strict=True
            )
        )
        known = (users >= 0) & (items >= 0)
        found = np.full(len(users), self._mean.mean if self._mean else np.nan)
        found[known] = model.predict(users[known], items[known])
        return found

    def score(self, X: Any, y: ArrayLike) -> float:  # noqa: N803
        """Return the negative RMSE: more is better, as scikit-learn's tools expect it."""
        return -rmse(np.asarray(y, dtype=np.float64), self.predict(X))

    def __sklearn_tags__(self) -> Any:
        """Say what this is; only scikit-learn asks."""
        from sklearn.utils import InputTags, RegressorTags, Tags, TargetTags

        return Tags(
            estimator_type="regressor",
            target_tags=TargetTags(required=True),
            transformer_tags=None,
            classifier_tags=None,
            regressor_tags=RegressorTags(),
            input_tags=InputTags(string=True),
        )


def _columns(pairs: Any) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return users and items: by the names of a frame's columns, or else the first and second."""
    names = list(getattr(pairs, "columns", ()))
    named = [places_by_name(names, role) for role in ("user", "item")] if _are_texts(names) else []
    found = np.asarray(pairs, dtype=object)
    if [len(places) for places in named] == [1, 1]:
        return found[:, named[0][0]], found[:, named[1][0]]
    if found.ndim != 2 or found.shape[1] != 2:
        raise DataError("X needs two columns, user and item")
    return found[:, 0], found[:, 1]


def _are_texts(names: list[Any]) -> bool:
    return all(isinstance(name, str) for name in names)
