"""fedmf and a stranger, who knows docs/reference/wire-format.md alone, understand each other."""

from __future__ import annotations

import ast
import hashlib
import re
import sys
from fractions import Fraction
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from fedmf.crypto.fixed_point import FixedPoint
from fedmf.crypto.paillier import PrivateKey
from fedmf.crypto.paillier_public_key import PublicKey
from fedmf.crypto.word_size import plan_word_bits
from fedmf.errors import FixedPointRangeError, OpenError, WordSizeError
from fedmf.federation import TrainingPlan, TrainingSettings
from fedmf.protocol import (
    ClosingMessage,
    GroupShape,
    ParticipantRole,
    RowChange,
    Server,
    Session,
    TableMessage,
    TableShape,
    participant_protection,
    server_protection,
    table_sha256,
)
from fedmf.protocol.paillier_layout import layouts_of
from fedmf.protocol.rlwe import part_layouts
from fedmf.ratings import load_ratings
from tests.protocol import (
    stranger,
    stranger_aes,
    stranger_download,
    stranger_rlwe,
    stranger_slices,
    stranger_tags,
)
from tests.protocol.both_sides import (
    GROUPS,
    SECRET,
    SLICES,
    BothSides,
    as_arrays,
    as_row_changes,
    make_session,
    make_terms,
    random_change,
    random_change_of,
    random_table,
    strangers_participant,
    strangers_server,
)
from tests.protocol.stranger import Change, Table, Terms

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "wire-format.md").read_text("utf-8")


@pytest.mark.parametrize("upload", ["full", "part"])
@pytest.mark.parametrize("protection", ["none", "paillier"])
def test_servers_and_participants_of_both_sides_agree_to_the_byte(
    protection: str, upload: str, weak_key: PrivateKey
) -> None:
    rng = np.random.default_rng(11)
    sides = BothSides(make_terms(protection, upload, weak_key), weak_key, random_table(rng))
    nothing: Change = [{} for _ in GROUPS]
    sides.play({3: random_change(rng), 0: random_change(rng), 2: random_change(rng)})
    sides.play({1: random_change(rng), 2: nothing, 3: random_change(rng)})
    sides.open_everywhere(sides.table(), 3)


@pytest.mark.parametrize("protection", ["none", "paillier", "rlwe"])
def test_both_sides_cut_tables_into_the_same_slices(protection: str, weak_key: PrivateKey) -> None:
    """A set-up round, a turn of all three slices, and the first slice once more."""
    rng = np.random.default_rng(16)
    terms = make_terms(protection, "slices", weak_key, rounds=5, slices=SLICES)
    assert make_session(terms).to_bytes() == terms.canonical()
    sides = BothSides(terms, weak_key, random_table(rng, terms.groups))
    for number in range(1, 6):
        who = ((3, 0, 2), (1, 2, 3), (0, 1, 2, 3), (2,), (1, 3))[number - 1]
        sides.play({one: random_change_of(rng, terms, number) for one in who})
    sides.open_everywhere(sides.table(), 6)


@pytest.mark.parametrize("rounds", [2, 2**17])
def test_both_sides_agree_on_lattice_words(rounds: int, weak_key: PrivateKey) -> None:
    """5 bytes a word with a few rounds planned; 4 and more values beside with many."""
    rng = np.random.default_rng(14)
    sides = BothSides(
        make_terms("rlwe", "full", weak_key, rounds=rounds), weak_key, random_table(rng)
    )
    sides.play({3: random_change(rng), 0: random_change(rng)})
    sides.play({1: random_change(rng), 2: random_change(rng)})
    sides.open_everywhere(sides.table(), 3)


def test_both_sides_refuse_a_table_with_one_word_or_number_shifted(weak_key: PrivateKey) -> None:
    rng = np.random.default_rng(15)
    terms = make_terms("rlwe", "full", weak_key)
    session, start = make_session(terms), random_table(rng)
    server = strangers_server(terms, start)
    other = strangers_participant(terms, 2, weak_key, start)
    server.receive(other.upload(1, random_change(rng)))
    closing = server.close()
    other.included(closing)
    protection = participant_protection(session, SECRET, as_arrays(start))
    protection.hear(ClosingMessage.from_bytes(closing, session))
    words = stranger_rlwe.Words(terms)
    honest = server.table()
    _, table = other.open(honest)
    payload = TableMessage.from_bytes(honest, session).payload
    assert [part.tolist() for part in protection.open(payload)] == table
    wrong = []
    for place in (0, 4, 8):
        shifted, tags = words.read(payload)
        shifted[place] = (shifted[place] + 2 ** (words.kept_bits - words.w)) % 2**words.kept_bits
        wrong.append(words.write(shifted, tags))
    honest_words, numbers = words.read(payload)
    for place in (0, words.tags - 1, words.tags, len(numbers) - 1):
        # Of the values beside, some go astray within their words, and others leave theirs.
        for by in (1, 2**40, 2**63):
            shifted = [*numbers]
            shifted[place] = (shifted[place] + by) % 2**64
            wrong.append(words.write(honest_words, shifted))
    for one in wrong:
        with pytest.raises(OpenError):
            protection.open(one)
        with pytest.raises(stranger.RefusedError):
            other.open(terms.framed(1, 2, one))


@pytest.mark.parametrize("bits", [2, 24, 31, 32, 33, 47, 62])
def test_both_sides_choose_the_same_words(bits: int) -> None:
    for columns in (1, 300, 900):
        groups = (("items", 7, columns, bits), ("counts", 9, 1, 8))
        for rounds in (1, 2, 100, 10**4, 10**5, 10**6, 2**21, 2**32 - 2):
            terms = Terms(bytes(16), "rlwe", "full", groups, 4, rounds, None, bytes(32))
            words, layout = stranger_rlwe.Words(terms), part_layouts(make_session(terms))[0]
            theirs = words.kept_bits, words.w, words.blocks, words.beside, words.tags
            size, sizes = layout.size, (layout.blocks, layout.beside, layout.tags)
            assert theirs == (size.kept_bits, size.word_bits, *sizes)


def test_both_sides_refuse_more_uploads_than_a_sum_may_have() -> None:
    groups = (("items", 1, 1, 8),)
    terms = Terms(bytes(16), "rlwe", "full", groups, 16, 2**31 + 1, None, bytes(32))
    with pytest.raises(stranger.RefusedError):
        stranger_rlwe.Words(terms)
    with pytest.raises(WordSizeError):
        part_layouts(make_session(terms))[0]


def test_the_strangers_cipher_is_aes_256() -> None:
    # FIPS 197, appendix C.3.
    keys = stranger_aes.round_keys(bytes(range(32)))
    block = bytes.fromhex("00112233445566778899aabbccddeeff")
    assert stranger_aes.encrypted(keys, block).hex() == "8ea2b7ca516745bfeafc49904b496089"


def test_plain_uploads_of_both_sides_are_the_same_bytes(weak_key: PrivateKey) -> None:
    rng = np.random.default_rng(12)
    for upload in ("full", "part"):
        terms = make_terms("none", upload, weak_key)
        session, change = make_session(terms), random_change(rng)
        zeros = [part.tolist() for part in session.shape.zeros()]
        role = ParticipantRole(session, 1, participant_protection(session, None))
        protection = server_protection(session)
        protection.start(session.shape.zeros())
        role.receive_table(Server(session, protection).table_message())
        theirs = stranger.Participant(terms, 1, stranger.Plain(terms), zeros).upload(1, change)
        assert role.upload(as_row_changes(change)).to_bytes(session) == theirs


@pytest.mark.parametrize(
    ("name", "public_key"),
    [
        ("items", None),
        ('a "quoted" \\ name/\x7f', 0xABC),
        ("Länge\n\t\x01 \U0001f39e", 2**1023 + 1),
    ],
)
def test_sessions_have_the_same_canonical_bytes_and_digest(
    name: str, public_key: int | None
) -> None:
    for upload in ("full", "part"):
        groups = ((name, 7, 3, 25), ("second", 1, 1, 2))
        terms = Terms(b"\xfe" * 16, "paillier", upload, groups, 610, 12, public_key, b"\x0a" * 32)
        assert make_session(terms).to_bytes() == terms.canonical()
        assert make_session(terms).digest == terms.digest()
        assert Session.from_bytes(terms.canonical()) == make_session(terms)


@pytest.mark.parametrize("upload", ["full", "part"])
@pytest.mark.parametrize("row", [1, 4])
@pytest.mark.parametrize(("moved", "opens"), [(3, True), (4, False)])
def test_both_sides_refuse_sums_outside_of_their_words(
    weak_key: PrivateKey, upload: str, row: int, moved: int, opens: bool
) -> None:
    start: Table = [[[0] * columns for _ in range(rows)] for _, rows, columns, _ in GROUPS]
    start[1][row] = [2 ** (GROUPS[1][3] - 1) - 1]
    sides = BothSides(make_terms("paillier", upload, weak_key), weak_key, start)
    sides.play({2: [{}, {row: [-3]}, {}, {}]})
    sides.play({3: [{}, {row: [moved]}, {}, {}]})
    if opens:
        sides.open_everywhere(sides.table(), 3)
    else:
        sides.refuse_everywhere(sides.table())


@pytest.mark.parametrize("upload", ["full", "part"])
def test_both_sides_refuse_a_table_that_the_closings_do_not_explain(
    weak_key: PrivateKey, upload: str
) -> None:
    rng = np.random.default_rng(15)
    sides = BothSides(make_terms("paillier", upload, weak_key), weak_key, random_table(rng))
    stale = sides.table()
    sides.play({1: random_change(rng), 2: random_change(rng)})
    # The table before the round in the frame of the one after it.
    _, payload = sides.terms.unframed(1, stale)
    sides.refuse_everywhere(sides.terms.framed(1, 2, payload))


def test_fixed_point_and_words_are_as_the_page_says() -> None:
    rng = np.random.default_rng(13)
    fixed = FixedPoint(fraction_bits=20, limit=2.25)
    halves = (np.arange(-7, 8) + 0.5) / 2**20
    values = np.concatenate([rng.uniform(-2.25, 2.25, 200), halves, [-2.25, 2.25]])
    # Python rounds fractions to the nearest integer, and ties to the even one.
    integers = [round(Fraction(float(value)) * 2**20) for value in values]
    assert fixed.encode(values, what="values").tolist() == integers
    assert fixed.decode(np.array(integers)).tolist() == [integer / 2**20 for integer in integers]
    for outside in (np.nextafter(2.25, 3), -np.inf, np.nan):
        with pytest.raises(FixedPointRangeError):
            fixed.encode([outside], what="values")
    for users, limit, start_limit in ((1, 3.0, 0.3), (1, 3.0, 4.0), (610, 3.0, 1.0), (7, 0.7, 0.1)):
        steps, start_steps = (-int(-Fraction(x) * 2**20 // 1) for x in (limit, start_limit))
        largest = max(start_steps + users * steps, 2 * steps)
        bits = plan_word_bits(
            contributions=users, limit=limit, fraction_bits=20, start_limit=start_limit, what="x"
        )
        assert bits == len(f"{largest:b}") + 1


def test_learning_settings_are_hashed_as_the_page_shows() -> None:
    ratings = load_ratings("movielens-small").take(users=11, items=20)
    settings = TrainingSettings(protection="none", method="sgd", factors=3, rounds=9, min_raters=1)
    plan = TrainingPlan.make(settings, ratings, public_key=None)
    (shown,) = re.findall(r'^\{"fixed_point".*\}$', PAGE, flags=re.MULTILINE)
    assert plan.session.learning_sha256 == hashlib.sha256(shown.encode()).digest()
    (group,) = plan.method.row_groups()
    assert (group.name, group.fraction_bits, group.limit) == ("items", 20, 9 * 8 * 0.01 * 5**1.5)
    largest = max(abs(value) for row in plan.method.start_table()["items"] for value in row)
    assert group.start_limit == -int(-largest // 1)


def test_the_example_of_the_page_is_what_both_sides_write() -> None:
    (canonical,) = re.findall(r'^\{"groups".*\}$', PAGE, flags=re.MULTILINE)
    session = Session.from_bytes(canonical.encode())
    start = session.shape.zeros()
    start[1][0] = 5
    role = ParticipantRole(session, 1, participant_protection(session, None))
    protection = server_protection(session)
    protection.start(start)
    server = Server(session, protection)
    role.receive_table(server.table_message())
    upload = role.upload(
        [
            RowChange(np.array([0, 2]), np.array([[1, -2], [300, 0]])),
            RowChange(np.array([2]), np.array([[-1]])),
        ]
    ).to_bytes(session)
    server.begin_round([0, 1, 2])
    server.receive(upload)
    closing = server.close_round().to_bytes(session)
    table = server.table_message()
    assert upload == shown_bytes("upload")
    assert closing == shown_bytes("closing")
    assert table.to_bytes(session) == shown_bytes("table")
    for data in (upload, closing, table.to_bytes(session)):
        assert f"{len(data)} bytes" in PAGE
    role.receive_closing(ClosingMessage.from_bytes(closing, session))
    assert f"`{table_sha256(role.receive_table(table))}`" in PAGE


def test_numbers_on_the_page_are_those_of_the_code(weak_key: PrivateKey) -> None:
    rows = re.findall(r"^\| (\d{4}) \| (\d+) \| (\d+) \| (\d+) \| (\d+) \| (\d+) \|$", PAGE, re.M)
    assert [int(row[0]) for row in rows] == [1024, 2048, 3072]
    shape = TableShape(tuple(GroupShape("", 1, 1, bits) for bits in (20, 24, 30, 62)))
    session = Session(bytes(16), "paillier", "full", shape, 100, 12, 5, bytes(32))
    for key_bits, size, *slots in (map(int, row) for row in rows):
        assert PublicKey(2 ** (key_bits - 1) + 1).ciphertext_bytes == size
        layouts = layouts_of(session, key_bits)
        assert [layout.packing.values.slots for layout in layouts] == slots
        assert {layout.packing.tag_bits for layout in layouts} == {203}
    terms = Terms(bytes(16), "rlwe", "full", (("x", 1, 1, 31),), 4, 2, None, bytes(32))
    words, layout = stranger_rlwe.Words(terms), part_layouts(make_session(terms))[0]
    assert (words.w, words.beside, words.tags) == (27, 1, 2)
    assert "with w = 27 the value -1 of a group of 31 bits" in PAGE
    assert layout.split(np.array([-1]))[1].tolist() == [2**64 - 1] == [int("f" * 16, 16)]
    assert stranger.pack([1, -2, 3], 8) == 196_097
    assert "v = 196,097" in PAGE
    n = int(weak_key.public.n)
    assert weak_key.public.trivial(-5) == n * n - 5 * n + 1


@pytest.mark.parametrize(
    "module",
    [stranger, stranger_aes, stranger_rlwe, stranger_slices, stranger_tags, stranger_download],
)
def test_the_stranger_knows_the_standard_library_alone(module: ModuleType) -> None:
    tree = ast.parse(Path(str(module.__file__)).read_text("utf-8"))
    imported = {
        name
        for node in ast.walk(tree)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    own = {
        f"tests.protocol.{name}"
        for name in ("stranger", "stranger_aes", "stranger_slices", "stranger_tags")
    }
    assert {name.split(".")[0] for name in imported - own} <= set(sys.stdlib_module_names)
    assert imported


def shown_bytes(name: str) -> bytes:
    """Return the bytes of an example: hexadecimal, then two spaces and a remark on each line."""
    (block,) = re.findall(rf"^```text {name}\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL)
    return bytes.fromhex("".join(re.split(r"\s{2,}", line)[0] for line in block.splitlines()))
