import json
import stat
from pathlib import Path

import numpy as np
import pytest

from fedmf.errors import ModelFileError
from fedmf.model import FactorModel, PublicModel, files, load_model, save_model
from fedmf.model.sgd import Sgd
from fedmf.ratings import Id, RatingScale


def make(
    item_ids: tuple[Id, ...] = ("a", "b", "c"), user_ids: tuple[Id, ...] = (5, 6)
) -> FactorModel:
    rng = np.random.default_rng(1)
    return FactorModel(
        method=Sgd(
            factors=4, users=2, items=3, rounds=3, scale=RatingScale(0.5, 5), learning_rate=0.01
        ),
        item_ids=item_ids,
        titles={item_ids[0]: "Æon Flux (2005)"},
        public=PublicModel(rng.normal(size=(3, 4)), {"counts": np.array([3.0, 0.0, 1.0])}),
        user_ids=user_ids,
        user_factors=rng.normal(size=(2, 4)),
        rated_starts=np.array([0, 2, 3]),
        rated_items=np.array([0, 2, 1], dtype=np.int32),
        heldout_starts=np.array([0, 0, 1]),
        heldout_items=np.array([2], dtype=np.int32),
        held=0.875,
    )


@pytest.mark.parametrize(("items", "users"), [(("a", "b", "c"), (5, 6)), ((3, 1, 2), ("x", "y"))])
def test_a_saved_model_comes_back(
    tmp_path: Path, items: tuple[Id, ...], users: tuple[Id, ...]
) -> None:
    model = make(items, users)
    save_model(model, tmp_path / "model")
    loaded = load_model(tmp_path / "model")
    assert loaded.method == model.method
    assert (loaded.item_ids, loaded.user_ids) == (items, users)
    assert loaded.titles == model.titles
    assert loaded.held == model.held
    np.testing.assert_array_equal(loaded.item_factors, model.item_factors)
    assert loaded.public.statistics.keys() == {"counts"}
    np.testing.assert_array_equal(loaded.public.statistics["counts"], [3.0, 0.0, 1.0])
    assert loaded.recommend(users[0], 3) == model.recommend(users[0], 3)


def test_users_stay_private_and_can_be_left_out(tmp_path: Path) -> None:
    save_model(make(), tmp_path / "model")
    users = tmp_path / "model" / "users.npz"
    assert stat.S_IMODE(users.stat().st_mode) == 0o600
    users.unlink()
    loaded = load_model(tmp_path / "model")
    assert loaded.user_ids == ()
    assert len(loaded.fold_in([("a", 4.0)]).recommend(5)) == 2


def test_saving_replaces_an_older_model(tmp_path: Path) -> None:
    save_model(make(), tmp_path / "model")
    save_model(make((1, 2, 3)), tmp_path / "model")
    assert load_model(tmp_path / "model").item_ids == (1, 2, 3)
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_a_folder_that_is_no_model_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("years of work")
    (tmp_path / "script.py").write_text("code")
    for taken in ("mine", "script.py", "mine/../mine"):
        with pytest.raises(ModelFileError, match="no saved model"):
            save_model(make(), tmp_path / taken)
    assert (tmp_path / "mine" / "thesis.tex").read_text() == "years of work"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine", "script.py"]


def test_ids_beyond_63_bits_come_back(tmp_path: Path) -> None:
    items = (2**63, 2**64 - 1, 5)
    save_model(make(items), tmp_path / "model")
    assert load_model(tmp_path / "model").item_ids == items


def test_every_damaged_bit_is_refused_or_harmless(tmp_path: Path) -> None:
    save_model(make(), tmp_path / "model")
    path = tmp_path / "model" / "items.npz"
    whole = path.read_bytes()
    refused = 0
    for position in range(0, len(whole), 7):
        damaged = bytearray(whole)
        damaged[position] ^= 1 << (position % 8)
        path.write_bytes(bytes(damaged))
        try:
            load_model(tmp_path / "model")
        except ModelFileError:
            refused += 1
    assert refused > 50


def test_a_failed_save_leaves_the_older_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_model(make(), tmp_path / "model")

    def full_disk(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files, "write_arrays", full_disk)
    with pytest.raises(OSError, match="No space left"):
        save_model(make((1, 2, 3)), tmp_path / "model")
    assert load_model(tmp_path / "model").item_ids == ("a", "b", "c")
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_folders_that_are_no_model_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match=r"no model\.json"):
        load_model(tmp_path)


@pytest.mark.parametrize("name", ["model.json", "items.npz", "users.npz"])
@pytest.mark.parametrize("content", [b"", b"{}", b"PK\x03\x04 broken"])
def test_damaged_files_are_refused(tmp_path: Path, name: str, content: bytes) -> None:
    save_model(make(), tmp_path / "model")
    (tmp_path / "model" / name).write_bytes(content)
    with pytest.raises(ModelFileError, match="damaged"):
        load_model(tmp_path / "model")


def test_other_versions_are_refused(tmp_path: Path) -> None:
    save_model(make(), tmp_path / "model")
    path = tmp_path / "model" / "model.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "version": 99}))
    with pytest.raises(ModelFileError, match="version 99"):
        load_model(tmp_path / "model")


def test_arrays_that_do_not_fit_together_are_refused(tmp_path: Path) -> None:
    save_model(make(), tmp_path / "model")
    np.savez(
        tmp_path / "model" / "items.npz", ids=np.array(["a", "b", "c"]), factors=np.ones((2, 4))
    )
    with pytest.raises(ModelFileError, match="shapes"):
        load_model(tmp_path / "model")


def test_pickles_are_never_loaded(tmp_path: Path) -> None:
    save_model(make(), tmp_path / "model")
    objects = np.array([{"a": 1}, None], dtype=object)
    np.savez(tmp_path / "model" / "items.npz", ids=objects, factors=np.ones((2, 4)))
    with pytest.raises(ModelFileError, match="damaged"):
        load_model(tmp_path / "model")
