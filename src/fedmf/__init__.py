"""Train a recommender over ratings that never leave their owners.

fedmf implements Secure Federated Matrix Factorization (Chai, Wang, Chen, Yang; arXiv 1906.05108).
"""

from importlib import import_module as _import_module

# As in `typing`, which takes most of the time until Ctrl-C is heard in silence.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from fedmf.estimator import RatingEstimator
    from fedmf.evaluation import ModelEvaluation
    from fedmf.federation import TrainingSettings
    from fedmf.model import (
        FactorModel,
        NewUser,
        Prediction,
        Reason,
        Recommendation,
        SimilarItem,
    )
    from fedmf.ratings import Ratings, RatingScale, load_fold_in_ratings, load_ratings
    from fedmf.recommender import FederatedRecommender
    from fedmf.trained_recommender import TrainedRecommender
    from fedmf.tuning import Tuning, Validation, cross_validate, tune

    __version__: str

__all__ = [
    "FactorModel",
    "FederatedRecommender",
    "ModelEvaluation",
    "NewUser",
    "Prediction",
    "RatingEstimator",
    "RatingScale",
    "Ratings",
    "Reason",
    "Recommendation",
    "SimilarItem",
    "TrainedRecommender",
    "TrainingSettings",
    "Tuning",
    "Validation",
    "cross_validate",
    "load_fold_in_ratings",
    "load_ratings",
    "tune",
]

_ROOMS = (
    "ratings",
    "model",
    "evaluation",
    "federation",
    "recommender",
    "trained_recommender",
    "tuning",
    "estimator",
)


if not TYPE_CHECKING:  # to whom every name would be one then

    def __getattr__(name: str) -> object:
        """Load what is asked for only then: the command line has to be awake before, for Ctrl-C."""
        if name == "__version__":
            from importlib.metadata import version

            return version("fedmf")
        if name in __all__:
            for room in map(_import_module, (f"fedmf.{room}" for room in _ROOMS)):
                if hasattr(room, name):
                    return getattr(room, name)
        raise AttributeError(f"module 'fedmf' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
