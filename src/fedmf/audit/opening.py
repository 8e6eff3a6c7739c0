"""What an adversary can open with what it holds: uploads one by one, and the sums of all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from fedmf.audit.observables import Observables
from fedmf.crypto.rlwe import open_sum
from fedmf.crypto.rlwe_key import PaddedKey
from fedmf.crypto.rlwe_ring import MODULUS_BITS
from fedmf.crypto.rlwe_words import Words, subtract_words, unpack_words, zero_words
from fedmf.errors import OpenError
from fedmf.federation import TableReader
from fedmf.interrupts import HeldInterrupts
from fedmf.model.bayes_table import ITEMS
from fedmf.protocol import (
    ClosingMessage,
    Int64Array,
    IntegerTable,
    ParticipantProtection,
    Rows,
    TableMessage,
    UploadMessage,
    participant_protection,
    protection_named,
    server_protection,
)
from fedmf.protocol.committee.opening import OpeningMessage
from fedmf.protocol.committee.sums import public_polynomials
from fedmf.protocol.committee.upload import CommitteePayload
from fedmf.protocol.enrolment.keyring import HeldKeys
from fedmf.protocol.integrity_tags import split_numbers
from fedmf.protocol.lattice_layout import LatticeLayout, committee_layout, committee_pads
from fedmf.protocol.rlwe import part_layouts

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fedmf.model import FloatArray, PublicModel
    from fedmf.protocol.slices import Load


@dataclass(frozen=True, eq=False, slots=True, repr=False)
class OpenedUpload:
    """An upload that the adversary reads."""

    change: IntegerTable
    """All groups of the table, zeros where nothing was uploaded."""
    named: Rows | None
    """The rows of each group that the upload named to the server; None: it named none."""


@dataclass(frozen=True, eq=False, slots=True, repr=False)
class OpenedTable:
    """A table that the adversary reads."""

    table: IntegerTable
    """The integers."""
    model: PublicModel
    """The public model that it stands for."""
    raters: Int64Array | None
    """Users who rated each item, 0 where they are too few to be told; None where nobody counts."""


def uploads(seen: Observables) -> Iterator[UploadMessage]:
    """Yield all uploads that were seen, in order."""
    for entry in seen.entries:
        if entry.kind == "upload" and entry.data is not None:
            yield UploadMessage.from_bytes(entry.data, seen.plan.session)


def closings(seen: Observables) -> list[ClosingMessage]:
    """Return all closings that were seen, in order."""
    return [
        ClosingMessage.from_bytes(entry.data, seen.plan.session)
        for entry in seen.entries
        if entry.kind == "closing" and entry.data is not None
    ]


def words_of(seen: Observables, upload: UploadMessage) -> bytes:
    """Return the part of an upload's payload that hides values."""
    if seen.charter is None:
        return upload.payload
    return _committee_payload(seen, upload).words


def opened(seen: Observables, upload: UploadMessage) -> OpenedUpload | None:
    """Return an upload as far as it opens with what the adversary holds; None: it does not."""
    try:
        with HeldInterrupts():
            change = _change(seen, upload)
    except OpenError:
        # Half of a key is none. Other errors would be faults of the attack, not of its means.
        return None
    return None if change is None else OpenedUpload(change, upload.rows)


def opened_tables(seen: Observables) -> dict[int, OpenedTable]:
    """Return the tables that the adversary reads, by the counted rounds before each."""
    if not _reads_tables(seen):
        return _summed_tables(seen)
    session = seen.plan.session
    reader, opener = TableReader(seen.plan), _table_opener(seen)
    tables, counted = {}, 0
    for entry in seen.entries:
        if entry.data is None:
            continue
        if entry.kind == "opening":
            opener.begin(entry.data)
        elif entry.kind == "closing":
            closing = ClosingMessage.from_bytes(entry.data, session)
            opener.hear(closing)
            counted += closing.counts(session)
        elif entry.kind == "table" and counted not in tables:
            table = opener.open(TableMessage.from_bytes(entry.data, session).payload)
            reading = reader.read(counted + 1, table)
            tables[counted] = OpenedTable(table, reading.model, reading.raters)
    return tables


def _summed_tables(seen: Observables) -> dict[int, OpenedTable]:
    """Return the tables that an adversary adds up who opens every upload, and no table."""
    if seen.charter is None or not seen.seeds:
        return {}
    shape, reader = seen.plan.session.shape, TableReader(seen.plan)
    sent = {(one.round, one.participant): one for one in uploads(seen)}
    flat, tables = shape.flat(seen.plan.start_table()), {}
    heard = closings(seen)
    for counted in range(len(heard) + 1):
        table = shape.table(flat)
        reading = reader.read(counted + 1, table)
        tables[counted] = OpenedTable(table, reading.model, reading.raters)
        if counted == len(heard):
            break
        closing = heard[counted]
        for participant in closing.included:
            upload = sent.get((closing.round, participant))
            change = None if upload is None else opened(seen, upload)
            if change is None:
                return {}
            flat = flat + shape.flat(change.change)
    return tables


def real_moves(seen: Observables, change: Int64Array) -> FloatArray:
    """Return a change of items as the real numbers that it stands for."""
    group = next(one for one in seen.plan.method.row_groups() if one.name == ITEMS)
    moves: FloatArray = np.ldexp(change.astype(np.float64), -group.fraction_bits)
    return moves


def bytes_by_item(seen: Observables, upload: UploadMessage) -> NDArray[np.uint8]:
    """Return what stands in an upload where each item's values are, shape (items, bytes).

    Members of a committee first take off as much of the mask as their seeds make up.
    """
    session = seen.plan.session
    load = session.schedule.load(upload.round)
    found = [listed for place, listed in load.part.rows if place == 0]
    count = session.shape.groups[0].rows
    if not found:
        return np.zeros((count, 1), dtype=np.uint8)
    looked_at = _bytes_by_travelling_item(seen, upload, load)
    # Items that stay at home in this round have nothing to look at.
    whole = np.zeros((count, looked_at.shape[1]), dtype=np.uint8)
    whole[found[0]] = looked_at
    return whole


def _bytes_by_travelling_item(
    seen: Observables, upload: UploadMessage, load: Load
) -> NDArray[np.uint8]:
    session, data = seen.plan.session, words_of(seen, upload)
    shape = load.part.shape
    group = shape.groups[0]
    if session.protection not in ("rlwe", "committee"):
        size = max(1, int(len(data) * group.values / shape.values) // group.rows)
        return np.frombuffer(data, dtype=np.uint8)[: size * group.rows].reshape(group.rows, size)
    if seen.charter is None:
        layout = part_layouts(session)[load.numbers[0]]
        words, numbers = _words_and_numbers(data[: layout.words_bytes + 8 * layout.numbers], layout)
    else:
        layout = committee_layout(session, upload.round)
        words, numbers = _words_and_numbers(data, layout)
        padded = _known_mask(seen, upload)
        if padded is not None:
            numbers -= padded.pads[: layout.numbers]
            mask, public = zero_words(layout.blocks, layout.size), public_polynomials(seen.charter)
            for places, products in public.products(padded.key.factor(), np.arange(layout.blocks)):
                kept = products >> (MODULUS_BITS - layout.size.kept_bits)
                mask[places] = kept & ((1 << layout.size.kept_bits) - 1)
            subtract_words(words, mask, layout.size)
    # Of the first group, so that nothing else is in words or beside them before it.
    hidden = words.reshape(-1) if layout.in_words(group) else numbers[layout.tags :]
    first = hidden[: group.values].reshape(group.rows, group.columns)
    return np.ascontiguousarray(first).view(np.uint8)


def _words_and_numbers(data: bytes, layout: LatticeLayout) -> tuple[Words, NDArray[np.uint64]]:
    packed, numbers = split_numbers(data, layout.words_bytes, layout.numbers)
    return unpack_words(packed, layout.blocks, layout.size), numbers


def _known_mask(seen: Observables, upload: UploadMessage) -> PaddedKey | None:
    """Return as much of an upload's mask as the adversary's members have seeds for."""
    known = seen.seeds.get((upload.round, upload.participant))
    pads = committee_pads(seen.plan.session)
    return PaddedKey.sum_of_seeds(known.values(), pads) if known else None


def _reads_tables(seen: Observables) -> bool:
    # Also without a key where the server opens tables: then everybody can read them.
    return seen.plan.session.sends_opened_tables or seen.key is not None


def _table_opener(seen: Observables) -> ParticipantProtection:
    session, keys = seen.plan.session, HeldKeys(seen.key, seen.charter)
    half = protection_named(session.protection).participants_half
    return half(session, keys, seen.plan.start_table())


def _change(seen: Observables, upload: UploadMessage) -> IntegerTable | None:
    # An upload is exact, even where tables are not.
    session = replace(seen.plan.session, download=None)
    if seen.charter is not None:
        return _committee_change(seen, upload)
    if seen.key is None and protection_named(session.protection).has_key:
        return None
    # A table to which nothing but this upload was ever added.
    server, start = server_protection(session), session.shape.zeros()
    server.start(start)
    server.add(upload.payload, upload.rows, counted_round=upload.round)
    opener = participant_protection(session, seen.key, start)
    for number in range(1, upload.round + 1):
        last = number == upload.round
        included, nonces = ((upload.participant,), (upload.nonce,)) if last else ((), ())
        opener.hear(ClosingMessage(number, included, nonces if upload.nonce else ()))
    return opener.open(server.payload(), upload.rows)


def _committee_change(seen: Observables, upload: UploadMessage) -> IntegerTable | None:
    padded = _known_mask(seen, upload)
    if seen.charter is None or padded is None:
        return None
    session = seen.plan.session
    layout = committee_layout(session, upload.round)
    words, numbers = _words_and_numbers(words_of(seen, upload), layout)
    messages = open_sum(
        words,
        public=public_polynomials(seen.charter),
        key=padded.key,
        size=layout.size,
        uploads=1,
    )
    numbers -= padded.pads[: layout.numbers]
    travelled, change = session.schedule.load(upload.round).part, session.shape.zeros()
    travelled.put(change, travelled.shape.table(layout.sums(messages, numbers[layout.tags :])))
    return change


def _committee_payload(seen: Observables, upload: UploadMessage) -> CommitteePayload:
    assert seen.charter is not None  # noqa: S101 - see the callers
    opening = None
    for entry in seen.entries:
        if entry.kind == "opening" and entry.round == upload.round and entry.data is not None:
            opening = OpeningMessage.from_bytes(entry.data, seen.charter)
    if opening is None:
        raise OpenError(f"an upload of round {upload.round}, whose opening was not seen")
    return CommitteePayload.from_bytes(
        upload.payload, charter=seen.charter, participant=upload.participant, opening=opening
    )
