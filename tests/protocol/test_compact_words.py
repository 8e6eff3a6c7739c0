from __future__ import annotations

import struct
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from fedmf.errors import MessageError, SettingsError
from fedmf.protocol import (
    GroupShape,
    Int64Array,
    RowChange,
    Session,
    TableShape,
    participant_protection,
    server_protection,
)
from fedmf.protocol.compact_words import (
    DownloadTerms,
    as_opened,
    decode_table,
    encode_table,
    table_bytes,
)
from fedmf.protocol.session import CommitteeTerms, OpenedBy
from fedmf.protocol.table import encode_words
from tests.protocol.sessions import small_session
from tests.protocol.stranger_download import Download, RefusedError

ROWS, COLUMNS, WORD_BITS = 13, 5, 24
SHAPE = TableShape(
    (
        GroupShape("sums", 1, 4, 45),
        GroupShape("items", ROWS, COLUMNS, WORD_BITS),
        GroupShape("raters", ROWS, 1, 11),
    )
)
TERMS = DownloadTerms(6, "items", "raters", 20)
WITHOUT_COUNTS = DownloadTerms(6, "items", None)
BITS = range(4, 13)
PLAIN_BYTES, SCALE_BYTES = 4 * 8 + ROWS * 2, COLUMNS * 4


def random_table(seed: int) -> list[Int64Array]:
    """Return a table whose rows of items are as large as their counts make them."""
    rng = np.random.default_rng(seed)
    raters = rng.integers(-1, 1023, (ROWS, 1))
    raters[:3] = [[0], [1], [-1]]
    items = np.rint(rng.normal(0.0, 50.0, (ROWS, COLUMNS)) * np.maximum(raters, 0)).astype(np.int64)
    items[:, -1] = 0
    return [rng.integers(-(2**44), 2**44, (1, 4)), items, raters]


def stranger(shape: TableShape, terms: DownloadTerms) -> Download:
    groups = tuple((g.name, g.rows, g.columns, g.word_bits) for g in shape.groups)
    return Download(groups, terms.bits, terms.group, terms.counts, terms.prior)


@pytest.mark.parametrize("terms", [TERMS, WITHOUT_COUNTS], ids=["counts", "no counts"])
@pytest.mark.parametrize("bits", BITS)
def test_both_sides_write_and_open_the_same_bytes(bits: int, terms: DownloadTerms) -> None:
    terms = replace(terms, bits=bits)
    for seed in range(5):
        table = random_table(seed)
        data = encode_table(SHAPE, terms, table)
        other = stranger(SHAPE, terms)
        assert data == other.sent([part.tolist() for part in table])
        assert len(data) == table_bytes(SHAPE, terms)
        assert [part.tolist() for part in decode_table(SHAPE, terms, data)] == other.opened(data)


@pytest.mark.parametrize("bits", BITS)
def test_values_are_within_half_a_step_and_all_others_exact(bits: int) -> None:
    terms = replace(TERMS, bits=bits)
    table = random_table(7)
    opened = as_opened(SHAPE, terms, table)
    np.testing.assert_array_equal(opened[0], table[0])
    np.testing.assert_array_equal(opened[2], table[2])
    weights = np.maximum(table[2], 0) + terms.prior
    scales = np.abs(table[1] / weights).max(axis=0)
    half_steps = scales * weights / (2 * terms.largest)
    errors = np.abs(opened[1] - table[1])
    # Half an integer more, and what float32 takes off a scale.
    assert np.all(errors <= half_steps * (1 + 1e-4) + 0.5 + 1e-6 * np.abs(table[1]))
    # The bound is no empty one: some value is more than a third of a step away.
    assert np.any(errors > half_steps * 2 / 3)


def test_what_is_sent_once_more_is_not_rounded_once_more_by_much() -> None:
    opened = as_opened(SHAPE, TERMS, random_table(3))
    again = as_opened(SHAPE, TERMS, opened)
    weights = np.maximum(opened[2], 0) + TERMS.prior
    assert np.all(np.abs(again[1] - opened[1]) <= 1 + 1e-6 * np.abs(opened[1]) + weights / 1000)


def test_a_table_of_zeros_opens_to_zeros() -> None:
    for part in as_opened(SHAPE, TERMS, SHAPE.zeros()):
        assert not part.any()


def test_32_factors_and_a_bias_take_25_bytes_an_item() -> None:
    items = 10**6
    shape = TableShape((GroupShape("items", items, 33, 24),))
    assert table_bytes(shape, WITHOUT_COUNTS) == items * 99 // 4 + 33 * 4
    assert table_bytes(shape, None) == items * 33 * 4


def test_without_terms_a_table_is_plain_words() -> None:
    table = random_table(1)
    assert encode_table(SHAPE, None, table) == encode_words(SHAPE, table)
    for found, wanted in zip(as_opened(SHAPE, None, table), table, strict=True):
        np.testing.assert_array_equal(found, wanted)


def test_the_largest_words_and_counts_stay_within_their_words() -> None:
    for word_bits in (2, 24, 53, 62):
        shape = TableShape(
            (GroupShape("items", 2, 2, word_bits), GroupShape("raters", 2, 1, word_bits))
        )
        bound = 2 ** (word_bits - 1)
        table = [
            np.array([[-bound, bound - 1], [bound - 1, -bound]]),
            np.array([[bound - 1], [0]]),
        ]
        terms = DownloadTerms(12, "items", "raters", 2**32 - 1)
        opened = as_opened(shape, terms, table)
        shape.check_table(opened)
        other = stranger(shape, terms)
        assert [part.tolist() for part in opened] == other.opened(encode_table(shape, terms, table))


def damaged(data: bytes, at: int, by: bytes) -> bytes:
    return data[:at] + by + data[at + len(by) :]


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda data: data[:-1], "bytes where"),
        (lambda data: data + b"\0", "bytes where"),
        (lambda data: damaged(data, PLAIN_BYTES, struct.pack("<f", -1.0)), "scale"),
        (lambda data: damaged(data, PLAIN_BYTES, struct.pack("<f", -0.0)), "scale"),
        (lambda data: damaged(data, PLAIN_BYTES + 4, struct.pack("<f", float("nan"))), "scale"),
        (lambda data: damaged(data, PLAIN_BYTES + 8, struct.pack("<f", float("inf"))), "scale"),
        (lambda data: damaged(data, PLAIN_BYTES + SCALE_BYTES, b"\x3f"), "beyond the scale"),
        # 65 values of 6 bits: the last byte has two bits to spare.
        (lambda data: data[:-1] + bytes([data[-1] | 0x80]), "bit behind"),
        (lambda data: data[:-1] + bytes([data[-1] | 0x40]), "bit behind"),
    ],
)
def test_malformed_bytes_are_refused_by_both_sides(change, complaint) -> None:  # type: ignore[no-untyped-def]
    data = encode_table(SHAPE, TERMS, random_table(2))
    with pytest.raises(MessageError, match=complaint):
        decode_table(SHAPE, TERMS, change(data))
    with pytest.raises(RefusedError):
        stranger(SHAPE, TERMS).opened(change(data))


def test_the_largest_scale_opens_within_the_words() -> None:
    data = encode_table(SHAPE, TERMS, random_table(2))
    largest = struct.pack("<f", 3.4028234663852886e38)
    opened = decode_table(SHAPE, TERMS, damaged(data, PLAIN_BYTES, largest))
    SHAPE.check_table(opened)
    assert np.abs(opened[1][:, 0]).max() >= 2 ** (WORD_BITS - 1) - 1


def make_session(
    protection: str = "none", download: DownloadTerms | None = TERMS, **changed: Any
) -> Session:
    key = 7 if protection == "paillier" else None
    return small_session("full", protection, SHAPE, public_key=key, download=download, **changed)


def test_terms_are_in_the_sessions_bytes_and_digest() -> None:
    digests = {make_session(download=None).digest}
    for terms in (TERMS, WITHOUT_COUNTS, replace(TERMS, bits=5), replace(TERMS, prior=21)):
        session = make_session(download=terms)
        assert Session.from_bytes(session.to_bytes()) == session
        digests.add(session.digest)
    assert len(digests) == 5
    shown = b'"download":{"bits":6,"counts":"raters","group":"items","prior":20},"groups"'
    assert shown in make_session().to_bytes()
    assert b"download" not in make_session(download=None).to_bytes()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"bits":6', '"bits":6.0'),
        ('"bits":6', '"bits":true'),
        ('"bits":6', '"bits":3'),
        ('"counts":"raters"', '"counts":0'),
        ('"group":"items"', '"group":"other"'),
        ('"prior":20', '"prior":"20"'),
        ('"prior":20', '"more":1,"prior":20'),
    ],
)
def test_other_descriptions_of_terms_are_refused(old: str, new: str) -> None:
    text = make_session().to_bytes().decode()
    assert old in text
    with pytest.raises(MessageError):
        Session.from_bytes(text.replace(old, new).encode())


@pytest.mark.parametrize(
    "terms",
    [
        {"bits": 3},
        {"bits": 13},
        {"prior": 0},
        {"prior": 2**32},
        {"counts": None},
        {"group": "other"},
        {"counts": "other"},
        {"counts": "items"},
        {"counts": "sums"},
    ],
)
def test_terms_that_cannot_be_are_refused(terms: dict[str, object]) -> None:
    with pytest.raises(SettingsError):
        make_session(download=replace(TERMS, **terms))  # type: ignore[arg-type]


@pytest.mark.parametrize("protection", ["rlwe", "paillier"])
def test_tables_that_the_server_cannot_read_cannot_be_rounded(protection: str) -> None:
    make_session(protection, download=None)
    with pytest.raises(SettingsError, match="only tables that are opened before they are sent"):
        make_session(protection)


@pytest.mark.parametrize(("opened_by", "allowed"), [("participants", False), ("server", True)])
def test_only_a_committee_whose_server_opens_rounds(opened_by: OpenedBy, *, allowed: bool) -> None:
    terms = CommitteeTerms(4, 3, opened_by, 1, 3)
    if allowed:
        assert make_session("committee", committee=terms).download == TERMS
        return
    with pytest.raises(SettingsError, match="opened before they are sent"):
        make_session("committee", committee=terms)


def test_the_server_keeps_and_restores_the_exact_table() -> None:
    session, table = make_session(), random_table(4)
    server = server_protection(session)
    server.start(table)
    assert server.payload() == encode_words(SHAPE, table)
    assert len(server.table_payload()) == table_bytes(SHAPE, TERMS) < len(server.payload())
    participant = participant_protection(session, None)
    change = [
        RowChange(np.arange(group.rows), np.ones((group.rows, group.columns), np.int64))
        for group in SHAPE.groups
    ]
    for number in (1, 2):
        # Each move is far below a step of what is sent, and none is lost.
        payload = participant.protect(change, round_number=number, participant=0).payload
        server.add(payload, None, counted_round=number)
        restored = server_protection(session)
        restored.restore(server.payload())
        assert restored.table_payload() == server.table_payload()
        server = restored
    assert server.payload() == encode_words(SHAPE, [part + 2 for part in table])
    opened = participant.open(server.table_payload())
    for found, wanted in zip(
        opened, as_opened(SHAPE, TERMS, [part + 2 for part in table]), strict=True
    ):
        np.testing.assert_array_equal(found, wanted)


def test_the_example_of_the_page() -> None:
    shape = TableShape((GroupShape("items", 2, 1, 8), GroupShape("raters", 2, 1, 4)))
    terms = DownloadTerms(4, "items", "raters", 2)
    table = [np.array([[-30], [5]]), np.array([[1], [0]])]
    data = encode_table(shape, terms, table)
    assert data == bytes.fromhex("0100 00002041 90")
    assert decode_table(shape, terms, data)[0].tolist() == [[-30], [6]]
