"""Integrity tags: numbers beside a protected sum that tell whether it is the sum it should be.

An upload of the integers m_i carries, for each tag::

    t = sum_i alpha_i m_i + beta   (mod 2^64)

with factors alpha that are the same for all uploads, from a secret that a possible liar does not
know, and a number beta of the upload's own that hides the tag (Carter and Wegman, "New hash
functions and their use in authentication and set equality", 1981; here with betas that add). Tags
add like the integers do: the tags of a sum, less its betas, are those of the summed integers.

**What a lie can come to.** Of a value in a word, what opens is read as the one integer of that
remainder that leads from the table before to a value of W bits, W being the size of the group's
word. A wide value is read as it is, and refused after the tags unless it leads to a value
of W bits. So if somebody drops, repeats, shifts, scales or makes up any number of values, one of
three things follows: no value of the table is wrong; or the table is refused; or at least one is
off by an error e, 0 < |e| < 2^W, because the true value and the wrong one both fit W bits.

**How often it passes.** Let e = 2^v times an odd number; v is at most W - 1. As alpha is uniform
modulo 2^64, alpha e is uniform over the 2^(64-v) multiples of 2^v. The tag passes only if alpha e
is the one number that the other errors, their factors and the tag sent make it be; all these are
independent of this alpha, which nobody has seen but under beta. That is a probability of 2^-(64-v)
or less, and at most 2^-(65-W). Factors of different tags are independent, so T tags miss with
2^-(65-W)T. `tags_for` takes as many as make that 2^-66: two up to W = 32, three up to 43, and 22
for 62, where two would not be enough: a shift by 2^61 times alpha has eight outcomes, and two tags
miss it once in 64 times.

**What a refusal tells.** Shifts by multiples of 2^W pass tags more often, up to every second time
each for 2^63. They never change a value in a word, and are always refused for a wide value, because
the true and the wrong value cannot both fit. Tags and sizes are refused with the same message, so
that nothing about the sum can be read from who complains.

**Why they are numbers of 64 bits beside the words.** Cut into limbs and protected like values, they
would open to sums of limbs. Anyone who knows alpha and beta learns more from these than from the
sum modulo 2^64: how often single tags carried. The same holds for wide values; see
`lattice_layout`. Beta is a pad that is opened with the key of the upload's words, and in a blind
committee a mask beside it.
"""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fedmf.crypto.derivation import MASTER_SECRET_BYTES, Keystream, MasterSecret
from fedmf.crypto.rlwe import DOES_NOT_OPEN
from fedmf.crypto.secret_material import SecretMaterial
from fedmf.errors import MessageError, OpenError
from fedmf.protocol.table import Int64Array
from fedmf.protocol.wire import u32

if TYPE_CHECKING:
    from fedmf.protocol.enrolment.charter import Charter

LEAST_TAGS = 2
"""Smallest number of tags: a single one would miss a shift by 2^31 once in 2^33 times."""

MISSED_BITS = 66
"""Tags miss a lie with a probability of two to minus this, or less."""

MANY = 4
"""If more than one value in this many is not zero, picking them out is slower than all."""

Numbers = NDArray[np.uint64]
"""Tags and wide values, modulo 2^64."""

_WIRE = np.dtype("<u8")

NUMBER_BYTES = _WIRE.itemsize
"""Size of a tag, or of a wide value, on the wire."""

_TAGS_PER_DERIVATION = MASTER_SECRET_BYTES // NUMBER_BYTES


def tags_for(word_bits: int) -> int:
    """Return how many tags values of this many bits need, 2 to 62 bits."""
    return max(LEAST_TAGS, -(-MISSED_BITS // (65 - word_bits)))


def tag_context(charter: Charter, counted_round: int) -> bytes:
    """Return what the factors of a round's tags are for: the charter, and the parts that travel."""
    numbers = charter.session.schedule.load(counted_round).numbers
    return charter.digest + b"".join(map(u32, numbers))


class IntegrityTags(SecretMaterial):
    """The factors of one session, and the masks of its uploads.

    Parameters
    ----------
    secret
        What the participants share, and nobody else knows.
    context
        What the factors are for, such as a session's digest: other contexts, other factors.
    values
        How many integers an upload has.
    tags
        How many tags, from `tags_for`.
    """

    __slots__ = ("_context", "_factors", "_secret")

    def __init__(self, secret: MasterSecret, context: bytes, values: int, tags: int) -> None:
        self._secret, self._context = secret, context
        stream = Keystream(secret.derive("tag factors", context))
        drawn = stream.take(NUMBER_BYTES * tags * values).view(_WIRE)
        self._factors = drawn.astype(np.uint64, copy=False).reshape(tags, values)

    def of(self, values: Int64Array) -> Numbers:
        """Return sum_i alpha_i m_i modulo 2^64 for every tag, shape (tags,).

        Parameters
        ----------
        values
            int64, shape (values,).
        """
        factors, integers = self._factors, values.view(np.uint64)
        some = np.flatnonzero(integers != 0)
        if len(some) < len(integers) // MANY:
            # One user's change is zero in nearly all rows. That this is faster tells no more than
            # its learning step does, whose time also grows with its ratings.
            factors, integers = factors[:, some], integers[some]
        # Of numpy's sums of products over uint64 the fastest: it needs no array of products.
        tags: Numbers = np.einsum("ti,i->t", factors, integers)
        return tags

    def mask(self, *parts: bytes) -> Numbers:
        """Return beta for every tag, shape (tags,).

        Parameters
        ----------
        parts
            What names the upload. No two uploads may share a mask: the difference of their tags
            would be one of plain sums.
        """
        # Opening a sum takes the masks of all its uploads, and one derivation serves four tags.
        derived = b"".join(
            self._secret.derive("tag masks", self._context, *parts, u32(block))
            for block in range(-(-len(self._factors) // _TAGS_PER_DERIVATION))
        )
        masks = np.frombuffer(derived, dtype=_WIRE, count=len(self._factors))
        return masks.astype(np.uint64)

    @staticmethod
    def check(found: Numbers, due: Numbers) -> None:
        """Raise unless tags are what they should be, in the same time wherever they differ.

        Raises
        ------
        OpenError
            They are not. The message is that of any other failure to open, so that a server that
            watches for complaints does not learn which it was.
        """
        if not hmac.compare_digest(found.tobytes(), due.tobytes()):
            raise OpenError(DOES_NOT_OPEN)


def pack_numbers(numbers: Numbers) -> bytes:
    """Return tags and values as they travel behind words: 8 bytes each, little endian."""
    return numbers.astype(_WIRE, copy=False).tobytes()


def split_numbers(payload: bytes, words_bytes: int, numbers: int) -> tuple[memoryview, Numbers]:
    """Return a view of the words of a payload, and the numbers behind them, free to be changed.

    Parameters
    ----------
    payload
        Bytes from the wire.
    words_bytes
        Size of the words.
    numbers
        How many numbers there are.

    Raises
    ------
    MessageError
        There are too few bytes or too many.
    """
    due = words_bytes + numbers * NUMBER_BYTES
    if len(payload) != due:
        raise MessageError(
            f"words and the {numbers:,} numbers behind them are {due:,} bytes, not {len(payload):,}"
        )
    found = np.frombuffer(payload, dtype=_WIRE, offset=words_bytes)
    return memoryview(payload)[:words_bytes], found.astype(np.uint64)
