"""Model files: a folder of JSON and plain arrays, loaded without training data or pickle.

``model.json`` holds settings and catalogue, ``items.npz`` the public model, ``users.npz``
what belongs to the users held here. Leave ``users.npz`` out when you pass a model on.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fedmf.errors import ModelFileError
from fedmf.model.factor_model import FactorModel
from fedmf.model.public_model import PublicModel
from fedmf.model.registry import restore_method
from fedmf.ratings import Id
from fedmf.store.arrays import read_arrays, write_arrays
from fedmf.store.atomic import is_taken, new_folder
from fedmf.store.faults import reading

FORMAT, VERSION = "fedmf-model", 3


def save_model(model: FactorModel, folder: Path) -> None:
    """Write the model's folder, whole or not at all; an older model there is replaced.

    Raises
    ------
    ModelFileError
        There is something else at this place.
    """
    folder = folder.resolve()
    if is_taken(folder) and not (folder / "model.json").is_file():
        raise ModelFileError(f"{folder} exists and is no saved model: name another folder")
    with new_folder(folder) as filling:
        described = {
            "format": FORMAT,
            "version": VERSION,
            "method": model.method.settings(),
            "items": len(model.item_ids),
            "users": len(model.user_ids),
            "held": model.held,
            "titles": [model.titles.get(item) for item in model.item_ids],
        }
        (filling / "model.json").write_text(
            json.dumps(described, ensure_ascii=False, indent=1) + "\n", encoding="utf-8"
        )
        write_arrays(
            filling / "items.npz",
            {"ids": _id_array(model.item_ids), **model.public.to_arrays()},
            private=False,
        )
        # User vectors and what was rated are private: others on this machine may not read them.
        write_arrays(
            filling / "users.npz",
            {
                "ids": _id_array(model.user_ids),
                "factors": model.user_factors,
                "rated_starts": model.rated_starts,
                "rated_items": model.rated_items,
                "heldout_starts": model.heldout_starts,
                "heldout_items": model.heldout_items,
            },
            private=True,
        )


def load_model(folder: Path) -> FactorModel:
    """Read a model's folder; without ``users.npz`` the model knows no users and folds them in.

    Raises
    ------
    ModelFileError
        The folder is not a model, of another version, or damaged.
    """
    if not (folder / "model.json").is_file():
        raise ModelFileError(f"{folder} is not a saved model: it holds no model.json")
    with reading(folder, ModelFileError):
        described = json.loads((folder / "model.json").read_text(encoding="utf-8"))
        if (described["format"], described["version"]) != (FORMAT, VERSION):
            raise ModelFileError(
                f"{folder} has format {described['format']} version {described['version']}; "
                f"this version reads {FORMAT} version {VERSION}"
            )
        method = restore_method(described["method"])
        items = read_arrays(folder / "items.npz")
        held = folder / "users.npz"
        users = read_arrays(held) if held.exists() else _no_users(method.vector_length)
        item_ids = _ids(items["ids"])
        model = FactorModel(
            method=method,
            item_ids=item_ids,
            titles={
                item: title
                for item, title in zip(item_ids, described["titles"], strict=True)
                if title is not None
            },
            public=PublicModel.from_arrays(items),
            user_ids=_ids(users["ids"]),
            user_factors=users["factors"],
            rated_starts=users["rated_starts"],
            rated_items=users["rated_items"],
            heldout_starts=users["heldout_starts"],
            heldout_items=users["heldout_items"],
            held=described["held"],
        )
    _check_shapes(folder, model)
    return model


def _check_shapes(folder: Path, model: FactorModel) -> None:
    expected = (
        (model.item_factors.shape, (len(model.item_ids), model.method.vector_length)),
        (model.user_factors.shape, (len(model.user_ids), model.method.vector_length)),
        (model.rated_starts.shape, (len(model.user_ids) + 1,)),
        (model.rated_items.shape, (int(model.rated_starts[-1]),)),
        (model.heldout_starts.shape, (len(model.user_ids) + 1,)),
        (model.heldout_items.shape, (int(model.heldout_starts[-1]),)),
    )
    if any(found != wanted for found, wanted in expected):
        raise ModelFileError(f"{folder} is damaged: the shapes of its arrays do not fit together")


def _no_users(vector_length: int) -> dict[str, NDArray[Any]]:
    return {
        "ids": np.zeros(0, dtype=np.int64),
        "factors": np.zeros((0, vector_length)),
        "rated_starts": np.zeros(1, dtype=np.int64),
        "rated_items": np.zeros(0, dtype=np.int32),
        "heldout_starts": np.zeros(1, dtype=np.int64),
        "heldout_items": np.zeros(0, dtype=np.int32),
    }


def _id_array(ids: tuple[Id, ...]) -> NDArray[Any]:
    # Ids are all integers or all text; an empty tuple has to be one of them.
    if ids and isinstance(ids[0], str):
        return np.array(ids, dtype=np.str_)
    largest = max((int(one) for one in ids), default=0)
    return np.array(ids, dtype=np.int64 if largest < 2**63 else np.uint64)


def _ids(array: NDArray[Any]) -> tuple[Id, ...]:
    return tuple(array.tolist())
