"""Fields are declared once: what is written is read again, and all else is refused at once."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Annotated, Any

import pytest

from fedmf.errors import KeyMaterialError, MessageError, SettingsError
from fedmf.protocol.json_documents import Format, JsonDocument, as_text, format_of
from fedmf.protocol.json_fields import OMITTED, U32, JsonFields, Named, as_list, spelling_of


@dataclass(frozen=True)
class Size:
    rows: int
    columns: int = 1


@dataclass(frozen=True, slots=True)
class Inner(JsonFields):
    names: tuple[str, ...]
    share: float | None = None

    def __post_init__(self) -> None:
        if "" in self.names:
            raise SettingsError("names are not empty")


@dataclass(frozen=True)
class Sample(JsonDocument):
    FORMAT = Format.SEALED

    flag: bool
    octets: bytes
    inner: Inner
    size: Annotated[Size, as_list(Size)]
    number: U32
    ids: Annotated[tuple[int | str, ...], Named("items")] = ()
    left: Annotated[Inner | None, OMITTED] = None


@dataclass(frozen=True)
class Secret(JsonDocument):
    FORMAT = Format.KEYS

    sample: Annotated[Sample, as_text(Sample.from_bytes)]
    word: str


PAIR = spelling_of(tuple[str, int])
SAMPLE = Sample(True, b"\xab", Inner(("é",), 1), Size(2, 3), 7, (1, "b"))
BYTES = (
    '{"flag":true,"format":"fedmf sealed reader secret 1","inner":{"names":["é"],"share":1},'
    '"items":[1,"b"],"number":7,"octets":"ab","size":[2,3]}'
).encode()


def changed(**fields: Any) -> bytes:
    values = {**json.loads(BYTES), **fields}
    return json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def test_canonical_bytes_follow_from_the_fields() -> None:
    assert SAMPLE.to_bytes() == BYTES == changed()
    assert Sample.from_bytes(BYTES) == SAMPLE
    assert format_of(BYTES) is Format.SEALED
    with_left = Sample(False, b"", Inner(()), Size(1), 0, (), Inner(("x",), 0.5))
    assert Sample.from_bytes(with_left.to_bytes()) == with_left
    assert with_left.as_json()["left"] == {"names": ["x"], "share": 0.5}
    secret = Secret(SAMPLE, "w")
    assert json.loads(secret.to_bytes())["sample"].encode() == BYTES
    assert Secret.from_bytes(secret.to_bytes()) == secret


def test_a_tuple_of_a_known_length_has_no_other() -> None:
    assert PAIR.write(("a", 1)) == ["a", 1]
    assert PAIR.read(["a", 1]) == ("a", 1)
    for other in (["a"], ["a", 1, 2], [1, "a"], "a1", None):
        with pytest.raises(ValueError, match="due"):
            PAIR.read(other)


def test_all_problems_are_named_at_once_and_no_value_is() -> None:
    values = {"flag": 1, "octets": "xy", "inner": {"names": 5}, "size": [1], "more": 0}
    with pytest.raises(ValueError, match="more") as refused:
        Sample.from_json(values)
    assert str(refused.value) == (
        "'more' is no field of it; flag: true or false is due; octets: hexadecimal digits are due; "
        "inner: names: a list is due; size: a list of 2 values is due; number is missing"
    )


@pytest.mark.parametrize(
    "spoiled",
    [
        {"flag": None},
        {"number": True},
        {"number": 2**32},
        {"number": -1},
        {"number": 7.0},
        {"items": [1.0]},
        {"items": [True]},
        {"items": {}},
        {"size": [2, "3"]},
        {"inner": []},
        {"inner": {"names": [1], "share": None}},
        {"inner": {"names": [], "share": "1"}},
        {"inner": {"names": [], "share": float("inf")}},
        {"inner": {"names": [""], "share": None}},
        {"inner": {"names": []}},
        {"left": None},
        {"octets": "AB"},
        {"octets": "a b"},
        {"octets": "\ud800"},
    ],
    ids=str,
)
def test_other_values_and_other_spellings_are_refused(spoiled: dict[str, Any]) -> None:
    try:
        data = changed(**spoiled)
    except UnicodeEncodeError:
        data = BYTES.replace(b'"ab"', b'"\\ud800"')
    with pytest.raises(MessageError, match=r"^here does not hold a sealed reader secret: "):
        Sample.from_bytes(data, "here")


def test_a_secret_document_is_refused_without_a_word_of_it() -> None:
    data = Secret(SAMPLE, "w").to_bytes()
    for spoiled in (data.replace(b'"w"', b"17"), data.replace(b'"word"', b'"hush"'), data + b" "):
        with pytest.raises(KeyMaterialError) as refused:
            Secret.from_bytes(spoiled, "keys.json")
        assert str(refused.value) == (
            "keys.json is a file of personal keys that was damaged or edited"
        )


def test_a_document_of_another_format_is_named() -> None:
    with pytest.raises(KeyMaterialError, match="here is a sealed reader secret, where a file of"):
        Secret.from_bytes(BYTES, "here")
    for data in (b"", b"[]", b"[" * 99999, changed(format="fedmf card 9"), changed(format=1)):
        assert format_of(data) is None
        with pytest.raises(MessageError, match="what was received is no document of fedmf, where"):
            Sample.from_bytes(data)
