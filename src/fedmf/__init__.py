"""Train a recommender over ratings that never leave their owners.

fedmf implements Secure Federated Matrix Factorization (Chai, Wang, Chen, Yang; arXiv 1906.05108).
"""

from importlib.metadata import version as _version

from fedmf.evaluation import ModelEvaluation
from fedmf.federation import TrainingSettings
from fedmf.model import FactorModel, NewUser, Prediction, Recommendation
from fedmf.ratings import Ratings, RatingScale, load_fold_in_ratings, load_ratings
from fedmf.recommender import FederatedRecommender

__version__ = _version("fedmf")

__all__ = [
    "FactorModel",
    "FederatedRecommender",
    "ModelEvaluation",
    "NewUser",
    "Prediction",
    "RatingScale",
    "Ratings",
    "Recommendation",
    "TrainingSettings",
    "load_fold_in_ratings",
    "load_ratings",
]
