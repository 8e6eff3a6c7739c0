"""The paper's evaluation (arXiv 1906.05108): its figures, and ours beside them."""
