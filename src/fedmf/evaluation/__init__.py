"""How good a model is: rating errors, full-ranking quality, baselines, and how sure to be.

Metrics, baselines and intervals work on plain arrays of codes and numbers; `evaluate_model` puts
them together. Ranking metrics come as one number per user, so that every average can be reported
with its interval.
"""

from fedmf.evaluation.baselines import GlobalMean, Popularity, UserItemBias
from fedmf.evaluation.intervals import Interval, bootstrap_interval, bootstrap_ratio, bootstrap_rmse
from fedmf.evaluation.model_evaluation import ModelEvaluation, evaluate_model, measured_model
from fedmf.evaluation.ranking_metrics import (
    coverage_at,
    hit_rate_at,
    ndcg_at,
    novelty_at,
    recall_at,
    reciprocal_rank,
)
from fedmf.evaluation.rating_metrics import mae, rmse

__all__ = [
    "GlobalMean",
    "Interval",
    "ModelEvaluation",
    "Popularity",
    "UserItemBias",
    "bootstrap_interval",
    "bootstrap_ratio",
    "bootstrap_rmse",
    "coverage_at",
    "evaluate_model",
    "hit_rate_at",
    "mae",
    "measured_model",
    "ndcg_at",
    "novelty_at",
    "recall_at",
    "reciprocal_rank",
    "rmse",
]
