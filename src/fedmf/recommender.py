"""`FederatedRecommender`: the whole product in the manner of scikit-learn."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Integral
from pathlib import Path
from typing import Any

from fedmf.errors import DataError, SettingsError, UnknownNameError
from fedmf.federation import (
    RoundRecord,
    TrainingResult,
    TrainingSettings,
    make_plan,
    train_locally,
    trained_model,
)
from fedmf.model import load_model
from fedmf.progress import bar_for_python
from fedmf.ratings import Ratings
from fedmf.trained_recommender import TrainedRecommender, loaded
from fedmf.workers import usable_workers


class FederatedRecommender(TrainedRecommender):
    """Trains a recommender over ratings that stay with their owners, all of them on this machine.

    Every participant's real work is done: opening, stepping, protecting. What is simulated is the
    distance between them. `TrainingSettings` says more of every setting; whole numbers of numpy
    are as good as Python's.

    Parameters
    ----------
    protection
        Who adds up what participants upload, and how: ``"committee"``, ``"rlwe"``, ``"paillier"``
        or ``"none"``.
    upload
        What an upload holds: ``"full"``, all items; ``"slices"``, a public part of them in turn;
        ``"part"``, the rated ones, which shows which they are.
    committee, threshold
        Members of the committee, and how many of them have to answer.
    opened_by
        Who opens a committee's sums: ``"participants"`` or ``"server"``.
    key_bits
        Size of a Paillier key.
    method
        ``"bayes"``: ratings. ``"implicit"``: ranking. ``"gram"``: ranking, in one round.
        ``"sgd"``: the paper's.
    factors
        Length of user and item vectors; None: as suits the method.
    rounds
        Number of rounds; None: as many as suffice.
    gram_items
        Method `gram`: how many of the most rated items it learns; None: 1,000.
    cohort
        Participants in each round; None: all.
    silos
        Divide the users among this many silos; None: every user is a participant.
    seed
        Public seed of start and cohorts.
    learning_rate, reg, start
        Of method `sgd`, and `reg` of `implicit` and `gram`; None: its own.
    recency
        Methods that only rank: what a user's latest item weighs when it is folded in, 0 for no
        more than others. None: 4 where the order of ratings is known and none were held out at
        random.
    min_raters
        Rows of items with fewer raters stay out of the table.
    slices
        With upload ``"slices"``, how many; None: 8.
    download_bits
        Bits of a value in opened tables; None: exact.
    workers
        Processes, at most one for each core that this process may use; None: as many. Results do
        not depend on it. A script that uses more than one needs the usual
        ``if __name__ == "__main__":`` guard.

    Raises
    ------
    UnknownNameError, SettingsError
        Settings that do not exist or cannot work.

    Examples
    --------
    >>> from fedmf import FederatedRecommender, load_ratings
    >>> ratings = load_ratings("movielens-small").take(users=20, items=30)
    >>> train, test = ratings.split(holdout=0.2, seed=0)
    >>> model = FederatedRecommender(protection="none", factors=4, workers=1).fit(train)
    >>> len(model.recommend(user=2, n=3))
    3
    """

    def __init__(
        self,
        *,
        protection: str = "committee",
        upload: str = "full",
        committee: int = 4,
        threshold: int = 3,
        opened_by: str = "participants",
        key_bits: int = 3072,
        method: str = "bayes",
        factors: int | None = None,
        rounds: int | None = None,
        gram_items: int | None = None,
        cohort: int | None = None,
        silos: int | None = None,
        seed: int = 0,
        learning_rate: float | None = None,
        reg: float | None = None,
        start: str | None = None,
        recency: float | None = None,
        min_raters: int = 3,
        slices: int | None = None,
        download_bits: int | None = None,
        workers: int | None = None,
    ) -> None:
        given = locals()
        self._choose({name: given[name] for name in _SETTINGS})
        self.workers = _checked(workers)
        self.result: TrainingResult | None = None

    def get_params(self, *, deep: bool = True) -> dict[str, Any]:
        """Return every parameter by its name, as scikit-learn's tools ask for them."""
        del deep
        settings = {name: getattr(self.settings, name) for name in _SETTINGS}
        return {**settings, **dict.fromkeys(self._unsaid), "workers": self.workers}

    def set_params(self, **params: Any) -> FederatedRecommender:
        """Change parameters for the next `fit`, all of them or none; a model stays as it is.

        Raises
        ------
        UnknownNameError, SettingsError
            As for the parameters themselves.
        """
        now = self.get_params()
        for name in params:
            if name not in now:
                raise UnknownNameError.among("setting", name, now)
        now |= params
        workers = _checked(now.pop("workers"))
        self._choose(now)
        self.workers = workers
        return self

    def _choose(self, settings: dict[str, Any]) -> None:
        """Take settings, or none of them where they cannot work."""
        self.settings = TrainingSettings(**settings)
        # Their defaults depend on other settings, which may change.
        self._unsaid = tuple(name for name, value in settings.items() if value is None)

    def __repr__(self) -> str:
        """Name the settings that differ from the defaults, and whether a model is there."""
        default = TrainingSettings().as_json()
        chosen = [f"{k}={v!r}" for k, v in self.settings.as_json().items() if v != default[k]]
        state = "not fitted" if self._model is None else repr(self._model)
        return f"{type(self).__name__}({', '.join(chosen)}) [{state}]"

    def fit(
        self,
        ratings: Ratings | Any,
        *,
        heldout: Ratings | None = None,
        progress: bool | None = None,
        callback: Callable[[RoundRecord], object] | None = None,
    ) -> FederatedRecommender:
        """Train on ratings.

        Parameters
        ----------
        ratings
            `Ratings`, or anything that `fedmf.load_ratings` takes.
        heldout
            The other part of the same split, to record the error of every round with; see
            ``result.rounds``.
        progress
            True: show a bar over the rounds; False: none; None: one where somebody sees it, in a
            notebook or on a terminal.
        callback
            Called with the `RoundRecord` of each round; what it raises ends the training, and the
            recommender is as it was before.

        Raises
        ------
        DataError
            The ratings cannot be used.
        SettingsError, WordSizeError, FixedPointRangeError
            The settings do not suit the ratings.
        KeyboardInterrupt
            Ctrl-C; the recommender is as it was before.
        """
        training = loaded(ratings)
        if heldout is None:
            heldout = training.split(0.0)[1]
        elif (heldout.user_ids, heldout.item_ids) != (training.user_ids, training.item_ids):
            raise DataError("heldout is not the other part of the split that the ratings come from")
        plan, key = make_plan(self.settings, training, measured=len(heldout) > 0)
        with bar_for_python(plan.settings.rounds, wanted=progress) as shown:

            def after_round(record: RoundRecord) -> None:
                shown(record)
                if callback is not None:
                    callback(record)

            result = train_locally(
                plan,
                key,
                training,
                heldout,
                workers=usable_workers(self.workers),
                after_round=after_round,
            )
        model = trained_model(result, training, heldout)
        self.result, self._model, self._training = result, model, training
        return self

    @classmethod
    def load(cls, folder: str | Path) -> FederatedRecommender:
        """Return a recommender with a saved model; training data are not needed.

        Raises
        ------
        ModelFileError
            The folder holds no model that this version can read.
        """
        model = load_model(Path(folder))
        settings: dict[str, Any] = model.method.settings()
        recommender = cls(
            method=model.method.name,
            **{name: settings[name] for name in _SETTINGS if name in settings},
        )
        recommender._model = model
        return recommender


_SETTINGS = tuple(TrainingSettings.__dataclass_fields__)


def _checked(workers: Any) -> int | None:
    if workers is None:
        return None
    if isinstance(workers, bool) or not isinstance(workers, Integral) or int(workers) < 1:
        raise SettingsError(f"workers must be a whole number of at least 1, not {workers!r}")
    return int(workers)
