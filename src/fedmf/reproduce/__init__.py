"""The paper's evaluation (arXiv 1906.05108): its figures, and ours beside them."""

from fedmf.reproduce.accuracy import Curve, unclipped_rmse
from fedmf.reproduce.authors_arrangement import AuthorsCosts, authors_costs
from fedmf.reproduce.data import AUTHORS_DATA, BUNDLED, Source, find_source
from fedmf.reproduce.experiment import FULL, QUICK, Experiment, Extent, Reproduction, Row
from fedmf.reproduce.iteration import Measured, measure_iteration
from fedmf.reproduce.published import Published, Target, published
from fedmf.reproduce.report import notes, reproduction_json, tables
from fedmf.reproduce.schemes import Scheme, all_schemes
from fedmf.reproduce.verdict import Finding, judged, verdict

__all__ = [
    "AUTHORS_DATA",
    "BUNDLED",
    "FULL",
    "QUICK",
    "AuthorsCosts",
    "Curve",
    "Experiment",
    "Extent",
    "Finding",
    "Measured",
    "Published",
    "Reproduction",
    "Row",
    "Scheme",
    "Source",
    "Target",
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
