"""Everything a person decides about a training, checked together before anything starts."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

from fedmf.crypto.replicated_sharing import ReplicatedSharing
from fedmf.errors import SettingsError, UnknownNameError
from fedmf.model import METHODS, Method
from fedmf.model.registry import parameters_of
from fedmf.protocol import PROTECTIONS, UPLOADS
from fedmf.protocol.compact_words import LEAST_BITS, MOST_BITS
from fedmf.protocol.json_fields import JsonFields
from fedmf.protocol.protection import protection_named
from fedmf.protocol.session import OPENED_BY

KEY_BITS = (1024, 2048, 3072)
STARTS = ("random", "constant")
METHOD_SETTINGS = ("learning_rate", "reg", "start", "recency")
"""Settings that some methods read and others do not."""
DEFAULT_SLICES = 8
ROUNDS_PER_SLICE = 5
"""As many as bring method `bayes` with slices to where 12 rounds bring it with full uploads."""


DEFAULT_ROUNDS_TEXT = f"{Method.usual_rounds}; with slices {ROUNDS_PER_SLICE} for each; gram 1"
DEFAULT_FACTORS_TEXT = "16; implicit 64, sgd 32"
_LATER = cast("int", None)
"""Stands for a number that depends on other settings, until they are known."""


@dataclass(frozen=True, slots=True)
class TrainingSettings(JsonFields):
    """The settings of one training; all of them are public within the federation.

    Raises
    ------
    UnknownNameError
        A protection, upload, method or start that does not exist.
    SettingsError
        Values that cannot work; all of them are named at once.
    """

    protection: str = "committee"
    """``"committee"``: every upload has a key of its own, shared out among the members of a
    committee, who open sums together and nothing else. ``"rlwe"``: participants share a secret, the
    server only adds. ``"paillier"``: the same with the paper's encryption (FedMF), far dearer.
    ``"none"``: distributed matrix factorization; the server reads every upload."""
    upload: str = "full"
    """``"full"``: all items, which hides what a participant rated. ``"slices"``: all items of one
    public slice of them after the other, which hides it as well, in a fraction of the bytes of a
    round and with more rounds. ``"part"``: only the rated items, which shows the server which ones
    they are."""
    committee: int = 4
    threshold: int = 3
    """Members of the committee, and how many of them have to answer; (4, 3), (7, 5), (2, 2), or (1,
    1), which is a single trusted helper."""
    opened_by: str = "participants"
    """Who opens a committee's sums: ``"participants"`` (blind: the server reads nothing) or
    ``"server"``."""
    key_bits: int = 3072
    """Size of the Paillier key: 3072 (128-bit security), 2048 (112) or 1024 (80; for reproducing
    the paper only)."""
    method: str = "bayes"
    """``"bayes"`` (variational Bayes: ratings, accurate after a few rounds), ``"implicit"``
    (ranking; an item was rated, or it was not), ``"gram"`` (ranking, from one round) or ``"sgd"``
    (the paper's)."""
    factors: int = _LATER
    """Length d of user and item vectors; None: 16 with method `bayes`, 64 with `implicit`, 32 with
    `sgd`, and with `gram` as many as `gram_items`."""
    rounds: int = _LATER
    """Number of rounds; with slices each of them is renewed in one round out of `slices`. None: 12,
    5 for each slice, and 1 with method `gram`."""
    gram_items: int | None = None
    """Method `gram`: how many of the most rated items it learns; None: 1,000."""
    cohort: int | None = None
    """Participants in each round at the least, drawn in shuffled epochs; at least 3, since smaller
    cohorts show single participants' moves. None: all of them in every round."""
    silos: int | None = None
    """Number of organisations that the users are dealt out to; None: every user is a participant.
    """
    seed: int = 0
    """Public seed of start vectors and cohorts."""
    learning_rate: float | None = None
    """Method `sgd`: gamma of the paper; None: derived from the number of users and the scale."""
    reg: float | None = None
    """Lambda of methods `sgd` (None: 0.05), `implicit` (None: 7.5 / sqrt(users x items), 0.03 at
    the most) and `gram` (None: 400, or the number of users if there are fewer)."""
    start: str | None = None
    """Method `sgd`: ``"random"`` or ``"constant"`` start vectors; the latter is the authors' 0.01.
    None: random."""
    recency: float | None = None
    """Methods `implicit` and `gram`: what the latest item of a user weighs when it is folded in;
    the item k places before weighs ``recency / (1 + k)``. 0: all weigh 1. None: 4 where the order
    of ratings is known and none were held out at random, and otherwise 0."""
    min_raters: int = 3
    """Rows of items with fewer raters never leave a participant; above 1 a set-up round counts the
    raters first. With 1 every item takes part, as in the paper, and those who open the table see
    single raters' contributions."""
    slices: int | None = None
    """Upload `slices`: how many; None: 8."""
    download_bits: int | None = None
    """Where the table is opened before it is sent (protection none, or a committee whose server
    opens): rows of items come in this many bits a value, 4 to 12, and participants go on with what
    these stand for. None: exactly."""

    def __post_init__(self) -> None:
        self.take_plain_numbers()
        for what, name, known in (
            ("protection", self.protection, PROTECTIONS),
            ("upload", self.upload, UPLOADS),
            ("method", self.method, METHODS),
            ("start", self.start, STARTS),
            ("opening side", self.opened_by, OPENED_BY),
        ):
            if name is not None and name not in known:
                raise UnknownNameError.among(what, name, known)
        for name, default in self._of_others().items():
            if getattr(self, name) is None:
                object.__setattr__(self, name, default)
        problems = [
            f"{name} must be a whole number of at least {least}, not {value!r}"
            for name, value, least in (
                ("factors", self.factors, 1),
                ("rounds", self.rounds, 1),
                ("cohort", self.cohort, 3),
                ("silos", self.silos, 1),
                ("seed", self.seed, 0),
                ("min_raters", self.min_raters, 1),
                ("slices", self.slices, 2),
                ("gram_items", self.gram_items, 2),
            )
            if value is not None and (type(value) is not int or value < least)
        ]
        if self.upload == "part" and not protection_named(self.protection).names_rows:
            problems.append(
                f"protection {self.protection} never shows what was rated: upload full or slices"
            )
        if self.slices is not None and self.upload != "slices":
            problems.append("slices are of upload slices: leave them out")
        if self.download_bits is not None:
            problems += self._problems_of_downloads()
        if self.upload == "slices" and self.cohort is not None:
            # A cohort would meet the same few slices in every epoch.
            problems.append("upload slices takes everybody in every round: leave cohort out")
        try:
            ReplicatedSharing(self.committee, self.threshold)
        except SettingsError as error:
            problems.append(str(error))
        if self.key_bits not in KEY_BITS:
            problems.append(
                f"key_bits is one of {', '.join(map(str, KEY_BITS))}, not {self.key_bits}"
            )
        if self.learning_rate is not None and not 0 < self.learning_rate < float("inf"):
            problems.append(f"learning_rate must be a positive number, not {self.learning_rate}")
        if self.reg is not None and not 0 <= self.reg < float("inf"):
            problems.append(f"reg must be zero or a positive number, not {self.reg}")
        problems += self._problems_of_gram()
        if self.recency is not None and not 0 <= self.recency < math.inf:
            problems.append(f"recency must be zero or a positive number, not {self.recency}")
        own = parameters_of(self.method)
        foreign = [
            name for name in METHOD_SETTINGS if getattr(self, name) is not None and name not in own
        ]
        if foreign:
            problems.append(f"method {self.method} has no {', '.join(foreign)}: leave it out")
        if problems:
            raise SettingsError("; ".join(problems))

    def _of_others(self) -> dict[str, int]:
        """Return the settings whose defaults depend on other settings."""
        method = METHODS[self.method]
        rounds = method.usual_rounds
        if self.upload == "slices" and method.most_rounds is None:
            rounds = ROUNDS_PER_SLICE * (self.slices or DEFAULT_SLICES)
        return {"factors": self.gram_items or method.usual_factors, "rounds": rounds}

    def _problems_of_gram(self) -> Iterator[str]:
        method = METHODS[self.method]
        if method.most_rounds is not None and self.rounds > method.most_rounds:
            yield f"method {self.method} learns all in one round: leave rounds out"
        if self.gram_items is not None and self.method != "gram":
            yield f"gram_items are of method gram, not {self.method}: leave them out"
        elif self.gram_items not in (None, self.factors):
            yield "each of the gram_items is a factor: leave factors out"
        if self.method == "gram" and self.cohort is not None:
            yield "method gram needs everybody in its only round: leave cohort out"
        if self.method == "gram" and (self.upload == "slices" or self.download_bits is not None):
            yield "method gram has no rows of items to cut or to round: no slices, no download_bits"

    def _problems_of_downloads(self) -> list[str]:
        problems, bits = [], self.download_bits
        if type(bits) is not int or not LEAST_BITS <= bits <= MOST_BITS:
            problems.append(f"download_bits is from {LEAST_BITS} to {MOST_BITS}, not {bits!r}")
        if not protection_named(self.protection).server_opens(self.opened_by):
            problems.append(
                "download_bits are for tables that are opened before they are sent, with "
                "protection none, or with committee if the server opens: leave them out"
            )
        return problems

    @property
    def unread(self) -> frozenset[str]:
        """Names of the settings that neither the method nor the protection reads."""
        special = {setting for one in PROTECTIONS.values() for setting in one.settings}
        special -= set(protection_named(self.protection).settings)
        return frozenset(special | (set(METHOD_SETTINGS) - parameters_of(self.method)))

    @property
    def sums_show(self) -> str | None:
        """What else the sums of a round tell anyone who opens them, if that is more than usual."""
        return METHODS[self.method].sums_show

    @property
    def slice_count(self) -> int:
        """Into how many slices uploads cut the items: 1 unless `upload` is ``"slices"``."""
        return (self.slices or DEFAULT_SLICES) if self.upload == "slices" else 1
