"""Who learns what: every sentence names the tests that would fail if it were false."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest

from fedmf.errors import UnknownNameError
from fedmf.protocol import (
    PROTECTIONS,
    Session,
    fresh_key,
    protection_named,
)
from fedmf.protocol.session import Upload
from fedmf.protocol.threat_model import (
    CHOSEN_TABLES,
    EVERYTHING,
    KINDS,
    LONE_LOTS,
    OVER_SETS,
    SIZES,
    SUMS,
    Threat,
)
from tests.protocol.committee.world import make_session
from tests.protocol.sessions import small_session

ROOT = Path(__file__).parents[2]
AUDIT, COMMITTEE = "tests/audit/", "tests/protocol/committee/"
OPENS = AUDIT + "test_attacks_on_runs.py::test_whoever_opens_uploads_has_every_rating"
AT_CHANCE = AUDIT + "test_attacks_on_runs.py::test_whoever_does_not_is_at_chance"
NO_SECRET = AUDIT + "test_what_adversaries_hold.py::test_server_and_network_hold_no_secret"
NO_SUMS = AUDIT + "test_attacks_on_runs.py::test_a_blind_committee_shows_no_sums"
SINGLED_OUT = (
    AUDIT + "test_attacks_on_runs.py::test_two_sessions_differ_by_a_participant_and_equal_ones_by_"
    "nobody",
    AUDIT + "test_attacks_on_runs.py::test_tiny_cohorts_give_their_members_away_and_large_ones_"
    "hide_them",
    AUDIT + "test_sums_of_bayes.py::test_a_batch_of_joiners_shows_what_one_of_them_alone_rated",
    AUDIT + "test_sums_of_bayes.py::test_two_participants_mark_a_row_and_read_what_its_rater_rated",
    AUDIT + "test_attacks_on_runs.py::test_counts_of_two_sessions_differ_by_the_list_of_who_was_"
    "absent",
)
OPEN_SUMS = (
    AUDIT + "test_attacks_on_runs.py::test_where_the_server_opens_sums_all_who_read_along_have_them"
)
CERTIFIED = COMMITTEE + "test_certified_sums.py::"
LIES = (
    AUDIT + "test_dishonest_server.py::test_without_a_participant_nobody_opens_a_table_that_the_"
    "server_chose",
    COMMITTEE + "test_damaged_sums.py::test_damaged_sums_do_not_open_and_change_nothing",
    COMMITTEE + "test_damaged_sums.py::test_the_sentence_is_the_same_whatever_is_wrong",
    COMMITTEE + "test_late_participants.py::test_digests_of_tables_are_keyed_where_the_server_must_"
    "not_know_the_table",
    COMMITTEE + "test_padded_tags.py::test_the_server_with_a_participant_confirms_guesses_only_"
    "where_tags_have_no_pads",
)
TOO_FEW = (
    AUDIT + "test_what_adversaries_hold.py::test_fewer_than_t_members_lack_a_seed_of_every_upload_"
    "and_t_lack_none",
    COMMITTEE + "test_padded_tags.py::test_pads_of_a_single_upload_take_threshold_members",
    COMMITTEE + "test_statistics.py::test_what_two_of_four_members_lack_is_a_whole_key",
)
PART = (
    AUDIT + "test_attacks_on_runs.py::test_part_uploads_name_the_rated_items_and_full_ones_do_not"
)
RATED = "which items each participant rated"
WEAK = " (a 1024-bit key can be broken: for experiments only)"
BREAKING = "even if breaking the protocol"
SAME = "what one participant learns"

SHOWN: dict[tuple[str, str], tuple[str, ...]] = {
    ("one participant", SUMS): SINGLED_OUT,
    ("one participant", "the other's moves, and from these its ratings: two are too few"): (
        COMMITTEE + "test_cohorts.py::test_a_sum_of_two_gives_the_victim_to_the_other",
    ),
    ("the server", EVERYTHING): (OPENS,),
    ("the network", f"{EVERYTHING}, unless the transport encrypts"): (OPENS,),
    ("the server", SIZES): (AT_CHANCE, NO_SECRET),
    ("the network", SIZES): (AT_CHANCE, NO_SECRET),
    ("the server", SIZES + WEAK): (AT_CHANCE, NO_SECRET),
    ("the network", SIZES + WEAK): (AT_CHANCE, NO_SECRET),
    ("the server", RATED): (PART,),
    ("the network", RATED): (PART,),
    ("the server", RATED + WEAK): (PART,),
    ("the network", RATED + WEAK): (PART,),
    ("the server with one participant", f"{EVERYTHING}: the key is shared"): (OPENS,),
    (
        "the server, breaking the protocol",
        "which items a participant rated, from who stops when rows of the table are damaged",
    ): (
        "tests/protocol/test_paillier_attacks.py::test_who_complains_shows_who_opened_a_row_unless_"
        "everybody_opens_all",
    ),
    # A committee that is blind.
    (f"the server with one participant, {BREAKING}", OVER_SETS): (
        *SINGLED_OUT,
        AT_CHANCE,
        AUDIT + "test_dishonest_server.py::test_with_its_check_somebody_refuses",
        CERTIFIED + "test_a_shifted_sum_opens_for_nobody_in_the_round_in_which_it_is_tried",
        CERTIFIED + "test_a_single_shifted_leaf_is_refused_by_participants",
        CERTIFIED + "test_nobody_goes_on_without_t_checks",
    ),
    ("N of the committee, even without the server", EVERYTHING): (
        OPENS,
        CERTIFIED + "test_members_that_keep_their_seeds_read_an_upload_that_they_check",
    ),
    (f"the server, {BREAKING}", KINDS): (AT_CHANCE, NO_SECRET, NO_SUMS, *LIES),
    (f"the server with N of the committee, none of them a participant, {BREAKING}", KINDS): (
        AT_CHANCE,
        NO_SUMS,
        *TOO_FEW,
        *LIES,
    ),
    ("the server with N of the committee", EVERYTHING): (OPENS,),
    ("the network", KINDS): (AT_CHANCE, NO_SECRET, NO_SUMS),
    # One of a few silos.
    ("one participant", f"{SUMS}; {LONE_LOTS}"): (
        *SINGLED_OUT,
        COMMITTEE + "test_lots.py::test_partners_read_a_silo_that_comes_back_alone",
    ),
    # One whose server opens.
    ("the server, which is trusted for the true table", SAME): (OPEN_SUMS,),
    ("the server, breaking the protocol", CHOSEN_TABLES): (
        AUDIT + "test_dishonest_server.py::test_a_server_that_is_trusted_for_the_table_can_single_"
        "a_victim_out",
    ),
    ("the server with N of the committee", SAME): (OPEN_SUMS, *TOO_FEW),
    ("the network", f"{SAME}, unless the transport encrypts"): (OPEN_SUMS,),
}
"""What shows each sentence: the tests that fail if it is false, more or less being learnt."""


def threat_model(
    session: Session, key_bits: int = 3072, participants: int = 10
) -> tuple[Threat, ...]:
    return protection_named(session.protection).threats(session, key_bits, participants)


def learns(session: Session, key_bits: int = 3072, participants: int = 10) -> dict[str, str]:
    return {one.adversary: one.learns for one in threat_model(session, key_bits, participants)}


def session_of(protection: str, upload: Upload = "full") -> Session:
    if protection == "committee":
        return make_session(10)
    return replace(small_session(upload), protection=protection)


def said(threat: Threat) -> tuple[str, str]:
    """Return what a line says of committees of any size."""
    return re.sub(r"\b\d+ members?\b", "N", threat.adversary), threat.learns


def all_lines() -> Iterator[Threat]:
    sessions = [session_of(one) for one in PROTECTIONS]
    sessions += [replace(session_of(one), upload="part") for one in ("none", "paillier")]
    for opened_by, (members, threshold) in product(
        ("participants", "server"), ((4, 3), (3, 2), (1, 1))
    ):
        sessions.append(
            make_session(10, opened_by=opened_by, members=members, threshold=threshold)  # type: ignore[arg-type]
        )
    sessions.append(make_session(5, lone_lots=True))
    for session, key_bits, participants in product(sessions, (1024, 3072), (2, 10)):
        yield from threat_model(session, key_bits, participants)


def test_every_sentence_is_shown_by_a_test_and_every_test_is_named_for_a_sentence() -> None:
    assert {said(line) for line in all_lines()} == set(SHOWN)
    assert all(SHOWN.values())


@pytest.mark.parametrize("name", sorted({name for names in SHOWN.values() for name in names}))
def test_what_shows_a_sentence_is_there(name: str) -> None:
    path, _, function = name.partition("::")
    assert function in functions_of(path)


@functools.cache
def functions_of(path: str) -> set[str]:
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    return {one.name for one in tree.body if isinstance(one, ast.FunctionDef)}


def test_promises_without_conditions_are_those_of_a_blind_committee_alone() -> None:
    promised = [line for line in all_lines() if BREAKING in line.adversary]
    assert {line.learns for line in promised} == {KINDS, OVER_SETS}
    for session in map(session_of, PROTECTIONS):
        found = any(BREAKING in line.adversary for line in threat_model(session))
        assert found is (session.protection == "committee")
    assert not any(BREAKING in one for one in learns(make_session(10, opened_by="server")))


def test_what_no_rule_prevents_is_said_first() -> None:
    for session in map(session_of, PROTECTIONS):
        first = threat_model(session)[0]
        assert first == Threat("one participant", SUMS)
        assert "can find out what single others rated" in first.learns


@pytest.mark.parametrize("page", ["README.md", "docs/tutorial/first-contact.md"])
def test_pages_show_what_the_command_prints(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    found = re.search(r"^who learns what .*:\n((?:  .*\n)+)", text, re.MULTILINE)
    assert found is not None
    lines = [f"  {one.adversary}: {one.learns}" for one in threat_model(session_of("committee"))]
    assert found[1].replace("\n    ", " ").splitlines() == lines
    assert max(map(len, found[1].splitlines())) <= 80


@pytest.mark.parametrize(
    ("heading", "session"),
    [
        ("`paillier`", session_of("paillier")),
        ("`committee`", session_of("committee")),
        ("`--open server`", make_session(10, opened_by="server")),
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)
def test_the_page_on_protections_has_the_same_sentences(heading: str, session: Session) -> None:
    text = (ROOT / "docs/explanation/protections.md").read_text(encoding="utf-8")
    section = re.split(r"^#+ ", text[text.index(f"# {heading}") + 2 :], maxsplit=1, flags=re.M)[0]
    rows = re.findall(r"^\| (.+) \| (.+) \|$", section, re.MULTILINE)
    assert rows[0] == ("who", "learns")
    assert rows[1:] == [(one.adversary, one.learns) for one in threat_model(session)]


@pytest.mark.parametrize("folder", ["README.md", "docs", "src", "tests"])
def test_nothing_says_that_nobody_can_be_singled_out(folder: str) -> None:
    place = ROOT / folder
    files = [place] if place.is_file() else [*place.rglob("*.md"), *place.rglob("*.py")]
    for file in files:
        text = " ".join(file.read_text(encoding="utf-8").split())
        for phrase in ("nobody's " + "alone", "isolates " + "nobody", "nothing " + "smaller"):
            assert phrase not in text, (file, phrase)


@pytest.mark.parametrize(
    ("protection", "upload"),
    # Lattice words only have full uploads.
    [
        (protection, upload)
        for protection, upload in product(PROTECTIONS, ("full", "part"))
        if upload == "full" or protection in ("none", "paillier")
    ],
)
def test_every_protection_says_what_the_server_learns(protection: str, upload: Upload) -> None:
    threats = learns(session_of(protection, upload))
    server = "the server" + (f", {BREAKING}" if protection == "committee" else "")
    assert {server, "one participant", "the network"} <= set(threats)
    shows_rated = "which items" in threats[server]
    assert shows_rated == (protection == "paillier" and upload == "part")
    assert ("contributions" in threats[server]) == (protection == "none")


def test_weak_keys_are_said_to_be_weak() -> None:
    session = session_of("paillier")
    assert "can be broken" in learns(session, 1024)["the server"]
    assert "can be broken" not in learns(session, 2048)["the server"]


def test_unknown_protections_are_refused() -> None:
    with pytest.raises(UnknownNameError, match="rot13"):
        replace(small_session(), protection="rot13")
    with pytest.raises(UnknownNameError, match="rot13"):
        fresh_key("rot13", 1024)


def test_two_participants_are_too_few() -> None:
    session = session_of("rlwe")
    assert "two are too few" in learns(session, participants=2)["one participant"]
    assert learns(session, participants=3)["one participant"] == SUMS
