"""The paper's evaluation (arXiv 1906.05108): its figures, and ours beside them."""

from fedmf.reproduce.accuracy import LossCurve, unclipped_rmse
from fedmf.reproduce.authors_arrangement import AuthorsCosts, authors_costs
from fedmf.reproduce.experiment import FULL, QUICK, Experiment, Extent, Reproduction, Timing
from fedmf.reproduce.iteration import measure_iteration
from fedmf.reproduce.published import Published, Target, published
from fedmf.reproduce.report import notes, reproduction_json, tables
from fedmf.reproduce.setting import AUTHORS_DATA, BUNDLED, Source, all_schemes, find_source
from fedmf.reproduce.verdict import Finding, judged, verdict

__all__ = [
    "AUTHORS_DATA",
    "BUNDLED",
    "FULL",
    "QUICK",
    "AuthorsCosts",
    "Experiment",
    "Extent",
    "Finding",
    "LossCurve",
    "Published",
    "Reproduction",
    "Source",
    "Target",
    "Timing",
    "all_schemes",
    "authors_costs",
    "find_source",
    "judged",
    "measure_iteration",
    "notes",
    "published",
    "reproduction_json",
    "tables",
    "unclipped_rmse",
    "verdict",
]
