import hashlib
from dataclasses import replace

import numpy as np

from fedmf.ratings import Ratings, RatingScale
from tests.ratings.small_tables import table

FILMS = table([("ü", 20, 4.0, 5), (3, 10, 2.5, -6)])


def test_digest_is_of_exactly_the_documented_bytes() -> None:
    expected = (
        '["fedmf ratings 1",["ü",3],[20,10],2,true]\n'.encode()
        + bytes([0, 0, 0, 0, 1, 0, 0, 0])  # users 0, 1
        + bytes([0, 0, 0, 0, 1, 0, 0, 0])  # items 0, 1
        + bytes.fromhex("0000000000001040 0000000000000440")  # ratings 4.0, 2.5
        + bytes.fromhex("0500000000000000 faffffffffffffff")  # timestamps 5, -6
    )
    assert FILMS.sha256() == hashlib.sha256(expected).hexdigest()


def test_digest_changes_with_every_part_of_the_content() -> None:
    def changed(**parts: object) -> Ratings:
        return replace(FILMS, **parts)  # type: ignore[arg-type]

    swapped = np.array([1, 0])
    others = [
        changed(user_ids=("u", 3)),
        changed(item_ids=(20, "10")),
        changed(users=swapped),
        changed(items=swapped),
        changed(values=np.array([4.0, 3.0])),
        changed(timestamps=np.array([5, 6])),
        changed(timestamps=None),
    ]
    assert len({one.sha256() for one in [FILMS, *others]}) == 1 + len(others)


def test_digest_ignores_what_does_not_change_training() -> None:
    other = replace(
        FILMS, name="other", titles={20: "t"}, scale=RatingScale(0, 9), notes=("a note",)
    )
    assert other.sha256() == FILMS.sha256()
