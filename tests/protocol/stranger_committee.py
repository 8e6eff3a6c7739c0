"""A stranger's participant and member under a committee, from docs/reference/wire-format.md alone.

Like `stranger.py`, on which it builds, it knows nothing of fedmf. The standard library has neither
Ed25519 nor HPKE, so these come from `cryptography`.
"""

from __future__ import annotations

import hashlib
import hmac
import itertools
import json
import secrets
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from tests.protocol.stranger import Change, RefusedError, Table, Terms
from tests.protocol.stranger_aes import keystream
from tests.protocol.stranger_rlwe import (
    DEGREE,
    Words,
    flat,
    listed,
    nearest_to_zero,
    noise_bound,
    product,
)

HPKE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
VOID = bytes(96)
JOIN, FIRST, RENEW, LEAVE, UPDATE = KINDS = 1, 2, 3, 4, 5


def labelled(label: str, *parts: bytes) -> bytes:
    return b"fedmf 1" + b"".join(
        struct.pack("<Q", len(part)) + part for part in (label.encode(), *parts)
    )


def hashed(label: str, *parts: bytes) -> bytes:
    return hashlib.sha256(labelled(label, *parts)).digest()


def check_signature(key: bytes, signature: bytes, label: str, *parts: bytes) -> None:
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, labelled(label, *parts))
    except InvalidSignature:
        raise RefusedError(f"not signed: {label}") from None


def u32(number: int) -> bytes:
    return struct.pack("<I", number)


def sized(data: bytes) -> bytes:
    return u32(len(data)) + data


class Body:
    """Reads from front to back."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def take(self, count: int) -> bytes:
        if len(self.data) < count:
            raise RefusedError("ends too early")
        taken, self.data = self.data[:count], self.data[count:]
        return taken

    def number(self) -> int:
        return int.from_bytes(self.take(4), "little")

    def sized(self) -> bytes:
        return self.take(self.number())

    def signatures(self) -> list[tuple[int, bytes]]:
        return [(self.number(), self.take(64)) for _ in range(self.number())]


@dataclass(frozen=True)
class CommitteeTerms(Terms):
    """A session with a committee; `committee` has its terms by name."""

    committee: tuple[tuple[str, int | str], ...] = ()

    def canonical(self) -> bytes:
        terms = json.dumps(dict(self.committee), sort_keys=True, separators=(",", ":"))
        return b'{"committee":' + terms.encode() + b"," + super().canonical()[1:]

    def framed(self, kind: int, round_number: int, body: bytes) -> bytes:
        header = b"FDMF" + bytes([1, kind]) + self.digest()
        header += struct.pack("<IQ", round_number, len(body))
        return header + body + hashlib.sha256(header + body[:65_536]).digest()

    def unframed(self, kind: int, data: bytes) -> tuple[int, bytes]:
        # Rounds have higher numbers than there are rounds, because void ones also have one.
        round_number, body = int.from_bytes(data[38:42], "little"), data[50:-32]
        if len(data) < 82 or data != self.framed(kind, round_number, body):
            raise RefusedError("not a message of this kind and session")
        return round_number, body

    def __getitem__(self, name: str) -> int:
        return int(dict(self.committee)[name])

    @property
    def blind(self) -> bool:
        return dict(self.committee)["opened_by"] == "participants"

    @property
    def sets(self) -> list[tuple[int, ...]]:
        return list(itertools.combinations(range(self["members"]), self["threshold"] - 1))

    def held(self, member: int) -> list[int]:
        return [number for number, one in enumerate(self.sets) if member not in one]


def top(digests: list[bytes]) -> bytes:
    """Return what a Merkle tree over these leads to."""
    if len(digests) == 1:
        return digests[0]
    left = 2 ** ((len(digests) - 1).bit_length() - 1)
    return hashed("merkle node", top(digests[:left]), top(digests[left:]))


class RoundWords(Words):
    """Words of one round's sum: the parts that travel, one behind the other."""

    def __init__(self, terms: CommitteeTerms, charter: bytes, counted_round: int) -> None:
        self.due = terms.travelling(counted_round)
        parts = terms.parts
        super().__init__(terms, [one for number in self.due for one in parts[number]], rounds=1)
        self._seed = hashed("public polynomials", charter)

    def changes(self, messages: list[int], beside: list[int], before: list[int]) -> list[int]:
        """Return the exact sums of what opened, given the table before."""
        exact, rest, sources = [], iter(before), (iter(messages), iter(beside))
        for count, bits, lies_beside in self.places():
            for _ in range(count):
                value, old = next(sources[lies_beside]), next(rest)
                if lies_beside:
                    exact.append(nearest_to_zero(value, 64))
                else:
                    exact.append(nearest_to_zero(old + value, bits) - old)
        return exact

    def root(self, payload: bytes, domain: str) -> bytes:
        """Return the Merkle root of words and what follows them."""
        size, places = self.kept_bits // 8, self.places()
        in_words = [count for count, _, beside in places if not beside] or [0]
        in_words[-1] += DEGREE * self.blocks - sum(in_words)
        beside = [self.tags, *(count for count, _, beside in places if beside)]
        body, leaves = Body(payload), list[bytes]()
        for count, each in [(n, size) for n in in_words] + [(n, 8) for n in beside]:
            for first in range(0, count, 1024):
                piece = body.take(each * min(1024, count - first))
                place = struct.pack("<Q", len(leaves))
                leaves.append(hashed("merkle leaf", domain.encode(), place, piece))
        return hashed("merkle root", domain.encode(), struct.pack("<Q", len(leaves)), top(leaves))

    @cached_property
    def public(self) -> list[list[int]]:
        stream = keystream(self._seed, 6 * DEGREE * self.blocks)
        numbers = [
            int.from_bytes(stream[at : at + 3], "little") - 2**23 for at in range(0, len(stream), 3)
        ]
        coefficients = [
            low + 2**24 * high for low, high in zip(numbers[::2], numbers[1::2], strict=True)
        ]
        return [coefficients[DEGREE * j : DEGREE * (j + 1)] for j in range(self.blocks)]


def expanded(seed: bytes, numbers: int) -> list[int]:
    """Return the 2,048 coefficients of a seed, and behind them this many numbers."""
    count = DEGREE + numbers
    drawn = struct.unpack(f"<{count}Q", keystream(seed, 8 * count))
    return [word.bit_count() - 32 for word in drawn[:DEGREE]] + list(drawn[DEGREE:])


def added(vectors: Sequence[Sequence[int]]) -> tuple[list[int], list[int]]:
    """Return the sums of coefficients, and those of the numbers behind them modulo 2^64."""
    sums = [sum(column) for column in zip(*vectors, strict=True)]
    return sums[:DEGREE], [number % 2**64 for number in sums[DEGREE:]]


class Party:
    """What participants and members have in common: the charter and what follows from it."""

    def __init__(self, terms: CommitteeTerms, charter: bytes, key: bytes) -> None:
        described = json.loads(charter)
        assert described["session"] == terms.canonical().decode()
        self.terms, self.digest = terms, hashed("charter", charter)
        self.members = [bytes.fromhex(one) for one in described["member_keys"]]
        self.people = [
            None if one is None else bytes.fromhex(one) for one in described["participant_keys"]
        ]
        self.reader_key = bytes.fromhex(described["reader_key"])
        roster = u32(1) + sized(self.reader_key) + u32(len(self.people))
        roster += b"".join(one or bytes(32) for one in self.people)
        self.roster = hashed("roster", self.digest, roster)
        self._key = Ed25519PrivateKey.from_private_bytes(key)
        self.previous = b""
        cut = terms.slices
        last = 1 if cut is None else cut.setup_rounds + cut.count
        self._words = {
            number: RoundWords(terms, self.digest, number) for number in range(1, last + 1)
        }
        self._pads = max(words.numbers for words in self._words.values())

    def words(self, counted_round: int) -> RoundWords:
        """Return the words of a round; void rounds do not count."""
        cut = self.terms.slices
        if cut is None:
            return self._words[1]
        if counted_round > cut.setup_rounds:
            turn = (counted_round - cut.setup_rounds - 1) % cut.count
            counted_round = cut.setup_rounds + 1 + turn
        return self._words[counted_round]

    def sign(self, label: str, *parts: bytes) -> bytes:
        return self._key.sign(labelled(label, *parts))

    def opening(self, round_number: int, body: Body) -> list[tuple[int, bytes]]:
        """Read and check an opening; return the members' keys."""
        if body.number() != 1:
            raise RefusedError("another roster")
        keys = []
        for _ in range(body.number()):
            member, key, signature = body.number(), body.sized(), body.take(64)
            stated = (self.digest, u32(round_number), u32(member), key)
            check_signature(self.members[member], signature, "round key", *stated)
            keys.append((member, key))
        numbers = [member for member, _ in keys]
        if len(keys) < self.terms["threshold"] or numbers != sorted(set(numbers)):
            raise RefusedError("too few members")
        return keys

    def context(self, round_number: int, keys: list[tuple[int, bytes]], table: bytes) -> bytes:
        joined = b"".join(u32(member) + sized(key) for member, key in keys)
        return hashed(
            "context",
            self.digest,
            u32(round_number),
            self.roster,
            joined,
            table,
            self.previous,
        )

    def statement(self, outcome: bytes) -> tuple[bytes, ...]:
        kind = b"void" if outcome[4:] == VOID else b"closed"
        return self.digest, outcome[:4], kind, outcome[4:36], outcome[36:68], outcome[68:]

    def closed(
        self, round_number: int, context: bytes, headers: Mapping[int, bytes], root: bytes
    ) -> bytes:
        """Return a closed outcome; of each header its kind, and then its digest."""
        uploads = b"".join(u32(one) + headers[one] for one in sorted(headers))
        digest = hashed("set of uploads", self.digest, context, uploads)
        return u32(round_number) + context + digest + root

    def set_of(self, body: Body, participants: Sequence[int]) -> dict[int, bytes]:
        """Read a set of these participants: kind and digest of each header."""
        entries = {}
        for participant in participants:
            if body.number() != participant:
                raise RefusedError("a set of others")
            entries[participant] = body.take(33)
        return entries

    def certificate(self, body: Body) -> bytes:
        """Read and check a certificate; return its outcome, and keep the sum that was checked."""
        outcome = body.take(100)
        self.signed(body, "outcome", *self.statement(outcome))
        if self.terms.blind and outcome[4:] != VOID:
            self.checked = body.take(32)
            self.signed(body, "checked", *self.statement(outcome), self.checked)
        return outcome

    def signed(self, body: Body, label: str, *statement: bytes) -> None:
        """Read signatures of enough members, and check them."""
        votes = dict(body.signatures())
        if len(votes) < self.terms["threshold"]:
            raise RefusedError("too few votes")
        for member, vote in votes.items():
            check_signature(self.members[member], vote, label, *statement)


class Certified:
    """What the sets that were certified say of everybody."""

    def __init__(self, terms: CommitteeTerms) -> None:
        self.terms, self.closed = terms, 0
        self.turns = [0] * len(terms.parts)
        # By participant and part: round, turn of the part, whether only the set-up's, and the first
        # rounds that held it at all and after the set-up.
        self.held: dict[int, dict[int, tuple[int, int, bool, int, int]]] = {}

    def note(self, round_number: int, kinds: Mapping[int, int]) -> None:
        due = self.terms.travelling(self.closed + 1)
        self.closed += 1
        facts = self.closed <= self.terms["setup_rounds"]
        for part in due:
            self.turns[part] += 1
            for participant, kind in kinds.items():
                held = self.held.setdefault(participant, {})
                came, learned = held.get(part, (0, 0, True, round_number, 0))[3:]
                learned = learned or (0 if facts else round_number)
                held[part] = round_number, self.turns[part], facts, came, learned
                if kind == LEAVE:
                    del held[part]

    def expected(self, participant: int) -> tuple[int, list[int]]:
        """Return kind and bases of an upload of somebody whose ratings are the same."""
        due, held = self.terms.travelling(self.closed + 1), self.held.get(participant, {})
        setup = self.terms["setup_rounds"] > 0
        facts = self.terms.travelling(1) if setup else due
        bases = [held.get(part, (0, 0, False))[0] for part in due]
        if any(part in facts and part not in held for part in due):
            return JOIN, bases
        if any(part not in held or held[part][2] for part in due):
            return FIRST, bases
        ages = [self.turns[part] + 1 - held[part][1] for part in due]
        return (RENEW if max(ages) > self.terms["oldest_base"] else UPDATE), bases

    def check(self, header: UploadHeader) -> None:
        kind, bases = self.expected(header.participant)
        may = {RENEW: kind != JOIN, LEAVE: any(bases)}.get(header.kind, header.kind == kind)
        if bases != header.bases or not may:
            raise RefusedError("not what was certified")

    def check_set(self, kinds: Mapping[int, int]) -> None:
        due = self.terms.travelling(self.closed + 1)
        least = self.terms["smallest_cohort"]
        lot = 1 if self.terms["lone_lots"] else least
        newness = [
            (kind, *(self.held.get(one, {}).get(part, (0, 0, None))[2] for part in due))
            for one, kind in kinds.items()
        ]
        if len(kinds) < least or any(newness.count(one) < lot for one in newness):
            raise RefusedError("a set or a lot that is too small")
        gone = {one for one, kind in kinds.items() if kind == LEAVE}
        for part in due if gone else ():
            new = sum(one not in gone and not self.held.get(one) for one in kinds)
            stay = [
                held[part] for one, held in self.held.items() if part in held and one not in gone
            ]
            entered = [entry for base in stay for entry in enumerate(base[3:]) if entry[1]]
            if 0 < len(stay) + new < least or any(entered.count(one) < lot for one in entered):
                raise RefusedError("too few would be left")


@dataclass
class UploadHeader:
    """The header of an upload."""

    context: bytes
    participant: int
    kind: int
    bases: list[int]
    words: bytes
    nonce: bytes
    commitments: list[bytes]

    @classmethod
    def read(cls, participant: int, body: Body, sets: int) -> UploadHeader:
        context, kind = body.take(32), body.take(1)[0]
        if kind not in KINDS:
            raise RefusedError("no kind")
        bases = [body.number() for _ in range(body.number())]
        words, nonce = body.take(32), body.take(32)
        commitments = [body.take(32) for _ in range(sets)]
        return cls(context, participant, kind, bases, words, nonce, commitments)

    def fields(self) -> tuple[bytes, ...]:
        bases = b"".join(map(u32, self.bases))
        return self.context, bytes([self.kind]), bases, self.words, self.nonce, *self.commitments

    def digest(self, charter: bytes) -> bytes:
        context, *rest = self.fields()
        return hashed("head", charter, context, u32(self.participant), *rest)

    def commitment(self, number: int, seed: bytes) -> bytes:
        return hashed("seed", self.context, u32(self.participant), u32(number), seed)


class CommitteeParticipant(Party):
    """Protects changes, believes certificates, and opens sums where the session is blind."""

    def __init__(
        self,
        terms: CommitteeTerms,
        charter: bytes,
        key: bytes,
        number: int,
        secret: bytes,
        start: Table,
    ) -> None:
        super().__init__(terms, charter, key)
        self.number, self.table, self._secret = number, start, secret
        self._certified = Certified(terms)
        self._worked_on = b""
        self._sent = b""
        self._opened = 0
        if terms.blind:
            self._reader = X25519PrivateKey.from_private_bytes(self._prf("reader envelope key"))
            assert self._reader.public_key().public_bytes_raw() == self.reader_key
        else:
            self._secret = b""

    def _tag_context(self, words: RoundWords) -> bytes:
        return self.digest + b"".join(map(u32, words.due))

    def _prf(self, *parts: str | bytes) -> bytes:
        encoded = [part.encode() if isinstance(part, str) else part for part in parts]
        data = b"".join(struct.pack("<Q", len(part)) + part for part in encoded)
        return hmac.digest(self._secret, data, "sha256")

    def _plain(self) -> bytes:
        """Return the table as in the payload of `none`."""
        plain = b""
        for (*_, bits), group in zip(self.terms.groups, self.table, strict=True):
            size = min(size for size in (1, 2, 4, 8) if 8 * size >= bits)
            values = (value for row in group for value in row)
            plain += b"".join(value.to_bytes(size, "little", signed=True) for value in values)
        return plain

    def _table_digest(self) -> bytes:
        if not self.terms.blind:
            return hashed("table", self.digest, self._secret + self._plain())
        return self._prf("table digest", hashed("table", self.digest, self._plain()))

    def _tags_of(self, words: RoundWords, values: list[int]) -> list[int]:
        count, tags = len(values), words.tags
        stream = keystream(self._prf("tag factors", self._tag_context(words)), 8 * tags * count)
        alpha = struct.unpack(f"<{tags * count}Q", stream)
        return [sum(map(int.__mul__, alpha[count * j :], values)) for j in range(tags)]

    def _beta(
        self, words: RoundWords, context: bytes, participant: int, nonce: bytes
    ) -> tuple[int, ...]:
        if not self.terms.blind:
            return (0,) * words.tags
        named = "tag masks", self._tag_context(words), context, u32(participant), nonce
        drawn = b"".join(self._prf(*named, u32(k)) for k in range(-(-words.tags // 4)))
        return struct.unpack(f"<{words.tags}Q", drawn[: 8 * words.tags])

    def begin(self, message: bytes) -> None:
        self._round, opening = self.terms.unframed(4, message)
        body = Body(opening)
        self._keys = self.opening(self._round, body)
        self._context = self.context(self._round, self._keys, self._table_digest())

    def upload(self, change: Change) -> bytes:
        if self._worked_on == self._table_digest():
            raise RefusedError("a replayed table")
        words, terms = self.words(self._certified.closed + 1), self.terms
        nonce = secrets.token_bytes(32)
        seeds = [secrets.token_bytes(32) for _ in terms.sets]
        key, pads = added([expanded(seed, self._pads) for seed in seeds])
        # Where fewer numbers travel than in other rounds, the last pads are spare.
        pads = pads[: words.numbers]
        table = [
            [rows.get(row, [0] * columns) for row in range(count)]
            for rows, (_, count, columns, _) in zip(change, terms.groups, strict=True)
        ]
        table = words.taken(table)
        in_words, beside = words.split(table)
        messages, exact = words.padded(in_words), list[int]()
        for public in words.public:
            for masked in product(public, key):
                noise = secrets.randbits(64).bit_count() - 32
                exact.append(masked + noise + 2 ** (48 - words.w) * messages[len(exact)])
        values = flat(table)
        due = self._tags_of(words, values if terms.blind else beside)
        beta = self._beta(words, self._context, self.number, nonce)
        bare = [tag + mask for tag, mask in zip(due, beta, strict=True)] + beside
        behind = [(number + pad) % 2**64 for number, pad in zip(bare, pads, strict=True)]
        written = words.write(words.rounded(exact), behind)
        kind, bases = self._certified.expected(self.number)
        digest = words.root(written, "upload")
        header = UploadHeader(self._context, self.number, kind, bases, digest, nonce, [])
        header.commitments = [header.commitment(number, seed) for number, seed in enumerate(seeds)]
        self._sent = header.digest(self.digest)
        envelopes = [
            HPKE.encrypt(
                b"".join(seeds[one] for one in terms.held(member)),
                X25519PublicKey.from_public_bytes(public_key),
                info=labelled("seeds", self._sent, u32(member)),
            )
            for member, public_key in self._keys
        ]
        digests = [hashed("envelope", one) for one in envelopes]
        fields = header.fields()
        payload = [self._table_digest(), *fields[:2], u32(len(bases)), *fields[2:], *digests]
        payload += [self.sign("upload", self._sent, *digests), *map(sized, envelopes), written]
        body = u32(self.number) + nonce + b"".join(payload)
        return terms.framed(2, self._round, body)

    def included(self, message: bytes) -> bool:
        """Check the closing of a round; return whether this participant's upload counts."""
        round_number, data = self.terms.unframed(3, message)
        body = Body(data)
        count = body.number()
        uploads = listed(u32(count) + body.take(36 * count))
        outcome = self.certificate(body)
        if outcome[:4] != u32(round_number):
            raise RefusedError("a certificate of another round")
        if outcome[4:] == VOID:
            if uploads or body.data:
                raise RefusedError("a void round with uploads")
            self.previous = outcome
            return False
        keys = self.opening(round_number, body)
        table = body.take(32)
        headers = self.set_of(body, [participant for participant, _ in uploads])
        context = self.context(round_number, keys, table)
        due = self.closed(round_number, context, headers, outcome[68:])
        if outcome != due or context != self._context:
            raise RefusedError("not what was signed")
        if headers.get(self.number, b" " + self._sent)[1:] != self._sent:
            raise RefusedError("not what was sent")
        self._answers = [self._answer(outcome, body) for _ in range(body.number())]
        self._uploads, self._outcome, self.previous = uploads, outcome, outcome
        self._certified.note(round_number, {one: entry[0] for one, entry in headers.items()})
        if self.number in headers:
            self._worked_on = table
        return self.number in headers

    def _answer(self, outcome: bytes, body: Body) -> tuple[int, bytes]:
        member, stated, share = body.number(), body.take(100), body.sized()
        signature, vote = body.take(64), body.take(64)
        if stated != outcome:
            raise RefusedError("an answer for another set")
        statement = self.statement(outcome)
        check_signature(self.members[member], signature, "answer", *statement, u32(member), share)
        check_signature(self.members[member], vote, "outcome", *statement)
        return member, share

    def open(self, message: bytes) -> Table:
        _, data = self.terms.unframed(1, message)
        body = Body(data)
        form, last = body.take(1)[0], body.number()
        if not self.terms.blind:
            secret = body.take(32)
            if self._secret not in (b"", secret):
                raise RefusedError("another tag secret")
            self._secret = secret
        if last == self._opened:
            return self.table
        self._opened = last
        if form == 3:
            self.table = self._read_plain(body)
        elif form in (1, 2):
            words = self.words(self._certified.closed)
            added = body.take(words.bytes)
            if words.root(added, "sum") != self.checked:
                raise RefusedError("not the sum that was checked")
            self._add(added)
        return self.table

    def _read_plain(self, body: Body) -> Table:
        table: Table = []
        for _, rows, columns, bits in self.terms.groups:
            size = min(size for size in (1, 2, 4, 8) if 8 * size >= bits)
            table.append(
                [
                    [int.from_bytes(body.take(size), "little", signed=True) for _ in range(columns)]
                    for _ in range(rows)
                ]
            )
        return table

    def _add(self, payload: bytes) -> None:
        words, terms = self.words(self._certified.closed), self.terms
        sums: dict[int, list[int]] = {}
        for member, share in self._answers:
            info = labelled("share of a sum", *self.statement(self._outcome))
            opened = Body(HPKE.decrypt(share, self._reader, info=info))
            for number in terms.held(member):
                coefficients = struct.unpack(f"<{DEGREE}i", opened.take(4 * DEGREE))
                behind = struct.unpack(f"<{self._pads}Q", opened.take(8 * self._pads))
                one = [*coefficients, *behind]
                if sums.setdefault(number, one) != one:
                    raise RefusedError("members disagree")
        key, pads = added([sums[number] for number in range(len(terms.sets))])
        pads = pads[: words.numbers]
        found, numbers = words.read(payload)
        masks = [masked for public in words.public for masked in product(public, key)]
        step, uploads = 2 ** (words.kept_bits - words.w), len(self._uploads)
        mean = round((uploads - 1) * 2.0 ** (words.kept_bits - 49))
        messages = []
        for word, mask in zip(found, words.rounded(masks), strict=True):
            noisy = nearest_to_zero(word - mask - mean, words.kept_bits)
            opened_one = (noisy + step // 2) // step
            if abs(noisy - opened_one * step) > noise_bound(uploads, words.kept_bits):
                raise RefusedError("does not open")
            messages.append(opened_one)
        bare = [number - pad for number, pad in zip(numbers, pads, strict=True)]
        before = flat(words.taken(self.table))
        exact = words.changes(messages, bare[words.tags :], before)
        context = self._outcome[4:36]
        betas = [self._beta(words, context, one, nonce) for one, nonce in self._uploads]
        tags = zip(bare[: words.tags], self._tags_of(words, exact), *betas, strict=True)
        for tag, due, *masked in tags:
            if (tag - due - sum(masked)) % 2**64:
                raise RefusedError("does not open")
        after = [b + change for b, change in zip(before, exact, strict=True)]
        if not words.fit(after):
            raise RefusedError("does not open")
        rest = iter(after)
        # A new table: the start is everybody's.
        self.table = [[[*row] for row in group] for group in self.table]
        for k, rows in words.part:
            for row in rows:
                self.table[k][row] = [next(rest) for _ in self.table[k][row]]


class CommitteeMember(Party):
    """Answers the server's requests; without a log, which is for members that may crash."""

    def __init__(self, terms: CommitteeTerms, charter: bytes, key: bytes, number: int) -> None:
        super().__init__(terms, charter, key)
        self.number = number
        self._signed: dict[int, bytes] = {}
        self._promised: dict[int, tuple[bytes, list[int]]] = {}
        self._certified, self._ended = Certified(terms), 0

    def respond(self, message: bytes) -> bytes:
        kind = message[5]
        round_number, data = self.terms.unframed(kind, message)
        body = Body(data)
        try:
            answer = {
                5: self._key_for,
                7: self._review,
                15: self._promise,
                9: self._share,
                11: self._vote,
                17: self._check,
            }[kind]
            return self.terms.framed(kind + 1, round_number, answer(round_number, body))
        except RefusedError as refused:
            reason = u32(self.number) + sized(str(refused).encode())
            return self.terms.framed(13, round_number, reason)

    def _key_for(self, round_number: int, body: Body) -> bytes:
        for _ in range(body.number()):
            self._hear(body)
        if self._ended != round_number - 1:
            raise RefusedError("not the last certificate")
        self._secret = X25519PrivateKey.generate()
        self._public = self._secret.public_key().public_bytes_raw()
        stated = (self.digest, u32(round_number), u32(self.number), self._public)
        return u32(self.number) + sized(self._public) + self.sign("round key", *stated)

    def _hear(self, body: Body) -> None:
        outcome = self.certificate(body)
        entries = [(body.number(), body.take(33)) for _ in range(body.number())]
        ended, uploads = int.from_bytes(outcome[:4], "little"), dict(entries)
        if ended <= self._ended:
            return
        if ended != self._ended + 1:
            raise RefusedError("not the next certificate")
        if outcome[4:] != VOID:
            if outcome != self.closed(ended, outcome[4:36], uploads, outcome[68:]):
                raise RefusedError("another set")
            self._certified.note(ended, {one: entry[0] for one, entry in entries})
        elif uploads:
            raise RefusedError("a void round with uploads")
        self._ended, self.previous = ended, outcome

    def _review(self, round_number: int, body: Body) -> bytes:
        keys = self.opening(round_number, body)
        place = keys.index((self.number, self._public))
        self._context = self.context(round_number, keys, body.take(32))
        self._headers: dict[int, UploadHeader] = {}
        self._seeds: dict[int, list[bytes]] = {}
        complaints = []
        for _ in range(body.number()):
            participant = body.number()
            header = UploadHeader.read(participant, body, len(self.terms.sets))
            digests = [body.take(32) for _ in keys]
            signature, envelope = body.take(64), body.sized()
            try:
                self._seeds[participant] = self._checked(
                    header, digests, signature, envelope, place
                )
                self._headers[participant] = header
            except RefusedError:
                complaints.append(participant)
        named = b"".join(map(u32, complaints))
        stated = (self.digest, u32(round_number), u32(self.number), named)
        signed = self.sign("complaints", *stated)
        return u32(self.number) + u32(len(complaints)) + named + signed

    def _checked(
        self,
        header: UploadHeader,
        digests: list[bytes],
        signature: bytes,
        envelope: bytes,
        place: int,
    ) -> list[bytes]:
        key = self.people[header.participant] if header.participant < len(self.people) else None
        if key is None or header.context != self._context:
            raise RefusedError("unknown, or of another context")
        self._certified.check(header)
        digest = header.digest(self.digest)
        check_signature(key, signature, "upload", digest, *digests)
        if hashed("envelope", envelope) != digests[place]:
            raise RefusedError("another envelope")
        try:
            info = labelled("seeds", digest, u32(self.number))
            content = Body(HPKE.decrypt(envelope, self._secret, info=info))
        except InvalidTag:
            raise RefusedError("does not open") from None
        held = self.terms.held(self.number)
        seeds = [content.take(32) for _ in held]
        for number, seed in zip(held, seeds, strict=True):
            if header.commitment(number, seed) != header.commitments[number]:
                raise RefusedError("another seed")
        return seeds

    def _once(self, outcome: bytes) -> None:
        round_number = int.from_bytes(outcome[:4], "little")
        if self._signed.setdefault(round_number, outcome) != outcome:
            raise RefusedError("signed otherwise")

    def _entry(self, header: UploadHeader) -> bytes:
        return bytes([header.kind]) + header.digest(self.digest)

    def _promise(self, round_number: int, body: Body) -> bytes:
        numbers = [body.number() for _ in range(body.number())]
        headers, outcome = {one: self._entry(self._headers[one]) for one in numbers}, body.take(100)
        due = self.closed(round_number, self._context, headers, outcome[68:])
        if outcome != due:
            raise RefusedError("another set")
        self._certified.check_set({one: self._headers[one].kind for one in numbers})
        if self._promised.setdefault(round_number, (outcome, numbers))[0] != outcome:
            raise RefusedError("another promise")
        return u32(self.number) + outcome + self.sign("promise", *self.statement(outcome))

    def _share(self, round_number: int, body: Body) -> bytes:
        outcome, numbers = self._promised[round_number]
        if body.take(100) != outcome:
            raise RefusedError("not what was promised")
        self.signed(body, "promise", *self.statement(outcome))
        self._once(outcome)
        share = b""
        for place in range(len(self.terms.held(self.number))):
            key, pads = added([expanded(self._seeds[one][place], self._pads) for one in numbers])
            share += struct.pack(f"<{DEGREE}i{self._pads}Q", *key, *pads)
        statement = self.statement(outcome)
        if self.terms.blind:
            reader = X25519PublicKey.from_public_bytes(self.reader_key)
            share = HPKE.encrypt(share, reader, info=labelled("share of a sum", *statement))
        signature = self.sign("answer", *statement, u32(self.number), share)
        vote = self.sign("outcome", *statement)
        return u32(self.number) + outcome + sized(share) + signature + vote

    def _check(self, round_number: int, body: Body) -> bytes:
        outcome = body.take(100)
        self.signed(body, "outcome", *self.statement(outcome))
        entries = [(body.number(), body.take(33)) for _ in range(body.number())]
        due = self.closed(round_number, outcome[4:36], dict(entries), outcome[68:])
        words = self.words(self._certified.closed + 1)
        if body.number() == 0:
            self._added = [0] * (DEGREE * words.blocks), [0] * words.numbers
            self._place = 0
        if outcome != due or self._ended != round_number - 1:
            raise RefusedError("not the set that was certified")
        for _ in range(body.number()):
            participant = body.number()
            header = UploadHeader.read(participant, body, len(self.terms.sets))
            payload = body.sized()
            if (participant, self._entry(header)) != entries[self._place]:
                raise RefusedError("not the next upload of the set")
            if words.root(payload, "upload") != header.words:
                raise RefusedError("other words than the header's")
            for total, more in zip(self._added, words.read(payload), strict=True):
                total[:] = map(int.__add__, total, more)
            self._place += 1
        if self._place < len(entries):
            return u32(self.number) + bytes(32)
        totals, numbers = self._added
        content = words.write(
            [word % 2**words.kept_bits for word in totals], [one % 2**64 for one in numbers]
        )
        root = words.root(content, "sum")
        return u32(self.number) + root + self.sign("checked", *self.statement(outcome), root)

    def _vote(self, round_number: int, body: Body) -> bytes:
        outcome = body.take(100)
        if round_number > 1 and self.certificate(body)[:4] != u32(round_number - 1):
            raise RefusedError("not the last certificate")
        votes = [(body.number(), body.take(64)) for _ in range(body.number())]
        if outcome[4:] != VOID and self._signed.get(round_number) != outcome:
            for member, vote in votes:
                check_signature(self.members[member], vote, "outcome", *self.statement(outcome))
            due = 2 * self.terms["threshold"] - self.terms["members"]
            if len({member for member, _ in votes}) < due:
                raise RefusedError("not after enough others")
        self._once(outcome)
        return u32(self.number) + outcome + self.sign("outcome", *self.statement(outcome))
