"""The learning wing: factor models and the methods that train them, in plain numpy."""

from fedmf.model.answers import Prediction, Reason, Recommendation, SimilarItem, best_items
from fedmf.model.factor_model import FactorModel, NewUser
from fedmf.model.files import load_model, save_model
from fedmf.model.method import DEFAULT_RECENCY, RATERS, Method, PrivateStep
from fedmf.model.public_model import PublicModel
from fedmf.model.registry import METHODS, configure_method, restore_method
from fedmf.model.rows import Contribution, FloatArray, FloatTable, RowGroup, RowValues

__all__ = [
    "DEFAULT_RECENCY",
    "METHODS",
    "RATERS",
    "Contribution",
    "FactorModel",
    "FloatArray",
    "FloatTable",
    "Method",
    "NewUser",
    "Prediction",
    "PrivateStep",
    "PublicModel",
    "Reason",
    "Recommendation",
    "RowGroup",
    "RowValues",
    "SimilarItem",
    "best_items",
    "configure_method",
    "load_model",
    "restore_method",
    "save_model",
]
