"""Bundles, key directories and enrolments: what is accepted, and every refusal."""

import dataclasses
from typing import Any

import pytest

from fedmf.crypto.derivation import MasterSecret, labelled_hash
from fedmf.crypto.envelopes import EnvelopeKey
from fedmf.crypto.signatures import SigningKey
from fedmf.errors import KeyMaterialError, MessageError, ProtocolError, SettingsError
from fedmf.protocol import protection_named
from fedmf.protocol.committee.member import CommitteeMember
from fedmf.protocol.committee.member_log import ForgetfulLog
from fedmf.protocol.enrolment.charter import Roster
from fedmf.protocol.enrolment.directory import KeyDirectory
from fedmf.protocol.enrolment.enrolment import Enrolment, check_fingerprint
from fedmf.protocol.enrolment.personal_keys import PersonalKeys
from fedmf.protocol.enrolment.public_keys import PublicKeyBundle
from fedmf.protocol.enrolment.reader_secret import SealedReader, reader_envelope_key
from fedmf.protocol.enrolment.roster_chain import RosterChain, SignedRoster, sign_roster
from fedmf.protocol.enrolment.votes import MemberSignature
from fedmf.protocol.session import CommitteeTerms
from tests.protocol.committee.world import make_session
from tests.protocol.enrolment.people import People, newcomer


@pytest.fixture(scope="module")
def people() -> People:
    return People()


# Bundles


def test_a_bundle_comes_back_and_has_a_fingerprint_of_its_own() -> None:
    one, two = newcomer("North").bundle(), newcomer("North").bundle()
    assert PublicKeyBundle.from_bytes(one.to_bytes()) == one
    assert one.fingerprint.replace(" ", "") == labelled_hash("card", one.to_bytes()).hex()
    assert one.fingerprint != two.fingerprint


@pytest.mark.parametrize("field", ["name", "signature_key", "envelope_key", "role"])
def test_a_bundle_mixed_from_two_is_refused(field: str) -> None:
    one, two = newcomer("North").bundle(), newcomer("South").bundle()
    other: Any = "member" if field == "role" else getattr(two, field)
    with pytest.raises((MessageError, SettingsError)):
        dataclasses.replace(one, **{field: other})
    same: Any = getattr(one, field)
    dataclasses.replace(one, **{field: same})


@pytest.mark.parametrize("name", ["", " North", "N" * 101, "No\nrth", "No\u202erth", "\x1b[2J"])
def test_names_that_do_not_read_as_they_are_meant_are_refused(name: str) -> None:
    with pytest.raises(SettingsError, match="printable"):
        PersonalKeys.fresh("participant", name)


def test_an_envelope_key_that_everybody_can_open_is_refused_on_a_bundle() -> None:
    keys = newcomer()
    weak = bytes(32)
    with pytest.raises(KeyMaterialError, match="does not keep anything secret"):
        PublicKeyBundle("participant", "West", keys.signing_key.public, weak, "x25519", bytes(64))


def test_personal_keys_come_back_and_do_not_print() -> None:
    keys = newcomer()
    again = PersonalKeys.from_bytes(keys.to_bytes())
    assert again.bundle() == keys.bundle()
    assert keys.signing_key.to_bytes().hex() not in repr(keys) + str(keys)


def test_personal_keys_that_were_edited_are_refused_without_showing_them() -> None:
    keys = newcomer()
    data = keys.to_bytes().replace(b'"role":"participant"', b'"role":"member"')
    with pytest.raises(KeyMaterialError) as refused:
        PersonalKeys.from_bytes(data, "keys.json")
    assert keys.signing_key.to_bytes().hex() not in str(refused.value)


# Convening


def test_order_of_bundles_gives_the_numbers(people: People) -> None:
    charter = people.directory.charter
    assert list(charter.member_keys) == [k.signing_key.public for k in people.members]
    assert list(charter.roster.keys) == [k.signing_key.public for k in people.participants]
    for number, keys in enumerate(people.participants):
        assert people.enrolled(keys).number == number


def test_everything_wrong_with_the_bundles_is_said_at_once(people: People) -> None:
    members, (north, south, east, _) = people.bundles()
    with pytest.raises(SettingsError) as refused:
        KeyDirectory.convene(people.session, members[:3], [north, north, members[3]])
    for expected in (
        "3 members' bundles for a committee of 4",
        "the bundle of 'North' is there twice",
        "the bundle of 'Auditor' is a member's where a participant's is due",
    ):
        assert expected in str(refused.value)
    with pytest.raises(SettingsError, match="2 participants, and no round with fewer than 3"):
        KeyDirectory.convene(people.session, members, [north, south])
    with pytest.raises(SettingsError, match="room for 2"):
        KeyDirectory.convene(make_session(2), members, [north, south, east])
    KeyDirectory.convene(make_session(3), members, [north, south, east])


def test_one_key_under_two_names_is_refused(people: People) -> None:
    north = people.participants[0]
    alias = PersonalKeys("participant", "Alias", north.signing_key, north.envelope_key, "x25519")
    members, others = people.bundles()
    with pytest.raises(SettingsError, match="the key of 'Alias' is also 'North''s"):
        KeyDirectory.convene(people.session, members, [*others, alias.bundle()])


def test_bundles_serve_a_session_of_their_suite_alone(people: People) -> None:
    terms = CommitteeTerms(4, 3, "participants", 1, 3, suite="mlkem768-x25519")
    session = dataclasses.replace(people.session, committee=terms)
    members, others = people.bundles()
    with pytest.raises(SettingsError, match="--suite mlkem768-x25519"):
        KeyDirectory.convene(session, members, others)
    three = [PersonalKeys.fresh("participant", n, suite=terms.suite) for n in "NSE"]
    directory = KeyDirectory.convene(session, members, [keys.bundle() for keys in three])
    assert people.enrolled(three[2], directory).number == 2


def test_only_a_session_with_a_committee_has_a_charter(people: People) -> None:
    session = dataclasses.replace(people.session, protection="rlwe", committee=None)
    with pytest.raises(SettingsError, match="only protection committee"):
        KeyDirectory.convene(session, [], [])


def test_where_the_server_opens_there_is_no_reader_secret() -> None:
    people = People(opened_by="server")
    assert people.directory.sealed == {}
    enrolment = people.enrolled(people.participants[0])
    assert enrolment.reader is None
    half = protection_named("committee").participants_half
    half(people.session, enrolment.held, people.session.shape.zeros())


def test_an_existing_reader_secret_may_be_used(people: People) -> None:
    reader = MasterSecret.fresh()
    directory = KeyDirectory.convene(people.session, *people.bundles(), reader)
    enrolment = people.enrolled(people.participants[1], directory)
    assert enrolment.reader is not None
    assert enrolment.reader.to_bytes() == reader.to_bytes()


# Accepting


def test_a_fingerprint_is_compared_whole_and_without_regard_to_blanks_and_case(
    people: People,
) -> None:
    charter = people.directory.charter
    check_fingerprint(charter.fingerprint.upper().replace(" ", "\t"), charter.digest, "charter")
    with pytest.raises(SettingsError, match="16 groups"):
        check_fingerprint(charter.fingerprint[:-5], charter.digest, "charter")
    with pytest.raises(SettingsError, match="16 groups"):
        check_fingerprint("", charter.digest, "charter")
    with pytest.raises(KeyMaterialError, match="compare once more"):
        check_fingerprint("00" * 32, charter.digest, "charter")


def test_a_charter_that_somebody_exchanged_is_not_accepted(people: People) -> None:
    mine = people.participants[0]
    # The server also convenes: with all true bundles, and a reader secret that it knows.
    theirs = KeyDirectory.convene(people.session, *people.bundles(), MasterSecret.fresh())
    with pytest.raises(KeyMaterialError, match="another fingerprint"):
        Enrolment.accept(theirs, mine, people.directory.charter.fingerprint)
    # What the comparison is for: with the fingerprint of the same file everything else fits.
    assert Enrolment.accept(theirs, mine, theirs.charter.fingerprint).number == 0


def test_a_key_that_is_not_in_the_charter_is_told_so(people: People) -> None:
    with pytest.raises(KeyMaterialError, match="'West' is not among the participants' keys"):
        people.enrolled(newcomer())
    north = people.participants[0]
    as_member = PersonalKeys("member", "North", north.signing_key, None, "")
    with pytest.raises(KeyMaterialError, match="not among the members' keys"):
        people.enrolled(as_member)


def test_the_reader_secret_of_another_participant_or_roster_is_refused(people: People) -> None:
    directory, south = people.directory, people.participants[1]
    fingerprint = directory.charter.fingerprint
    with pytest.raises(MessageError, match="sealed for participant 0"):
        Enrolment.accept(directory, south, fingerprint, directory.sealed[0])
    renamed = dataclasses.replace(directory.sealed[0], participant=1)
    with pytest.raises(KeyMaterialError, match="does not open"):
        Enrolment.accept(directory, south, fingerprint, renamed)
    other = People().directory.sealed[1]
    with pytest.raises(MessageError, match="due is the one for participant 1 of version 1"):
        Enrolment.accept(directory, south, fingerprint, other)
    without = dataclasses.replace(directory, sealed={})
    with pytest.raises(KeyMaterialError, match="no reader secret for participant 1"):
        Enrolment.accept(without, south, fingerprint)


def test_a_secret_that_is_not_the_charters_reader_secret_is_refused(people: People) -> None:
    charter, south = people.directory.charter, people.participants[1]
    forged = SealedReader.seal(MasterSecret.fresh(), 1, south.bundle(), charter.roster, charter)
    with pytest.raises(KeyMaterialError, match="not the reader secret of version 1"):
        Enrolment.accept(people.directory, south, charter.fingerprint, forged)


def test_an_envelope_key_of_new_keys_does_not_open_what_the_old_bundle_got(people: People) -> None:
    south = people.participants[1]
    mixed = PersonalKeys("participant", "South", south.signing_key, EnvelopeKey.fresh(), "x25519")
    with pytest.raises(KeyMaterialError, match="sealed for another public key bundle"):
        people.enrolled(mixed)


def test_an_enrolment_comes_back_only_beside_the_charter_it_pinned(people: People) -> None:
    enrolment = people.enrolled(people.participants[2])
    data, charter = enrolment.to_bytes(), people.directory.charter
    again = Enrolment.from_bytes(data, charter, ())
    assert again.to_bytes() == data
    with pytest.raises(KeyMaterialError, match="not the one that was accepted"):
        Enrolment.from_bytes(data, People().directory.charter, ())


def test_members_have_no_protection_and_participants_no_committee_role(people: People) -> None:
    member = people.enrolled(people.members[0])
    participant = people.enrolled(people.participants[0])
    with pytest.raises(ProtocolError, match="enrolment of member 0"):
        _ = member.held
    with pytest.raises(ProtocolError, match="not the key that the charter names for member 0"):
        CommitteeMember(participant.charter, 0, participant.keys.signing_key, ForgetfulLog())


# Rosters


def test_a_roster_collects_signatures_until_it_is_complete(people: People) -> None:
    west = newcomer()
    proposal = people.directory.propose([west.bundle()], [1])
    assert proposal.changes() == ([4], [1])
    assert proposal.newest.keys[1] is None
    signed = people.signed(proposal, 3, 0)
    assert signed.signatures_missing == 1
    with pytest.raises(ProtocolError, match="2 of 3 members have signed"):
        people.enrolled(west, signed)
    north = people.enrolled(people.participants[0])
    with pytest.raises(ProtocolError, match="is a proposal"):
        north.adopt(signed)
    complete = people.signed(signed, 1)
    assert people.enrolled(west, complete).number == 4
    assert north.adopt(complete).number == 0
    RosterChain(complete.charter).adopt(complete.rosters[0])


def test_whoever_left_is_told_so_and_opens_nothing_new(people: People) -> None:
    south = people.participants[1]
    enrolment = people.enrolled(south)
    complete = people.signed(people.directory.propose([newcomer().bundle()], [1]), 0, 1, 2)
    with pytest.raises(ProtocolError, match="not in version 2 of the roster any more"):
        enrolment.adopt(complete)
    assert 1 not in complete.sealed
    for number, sealed in complete.sealed.items():
        with pytest.raises(KeyMaterialError, match="does not open"):
            sealed.open(south, number, complete.newest, complete.charter)
    assert enrolment.reader is not None
    old = reader_envelope_key(enrolment.reader, "x25519").public
    assert old == complete.charter.roster.reader_key != complete.newest.reader_key


def test_a_proposal_says_all_that_is_wrong_with_it(people: People) -> None:
    north = people.participants[0].bundle()
    with pytest.raises(SettingsError) as refused:
        people.directory.propose([people.members[0].bundle(), north], [1, 7])
    for expected in (
        "number 7 is not in version 1 of the roster",
        "'University' is a member's where a participant's is due",
        "the bundle of 'North' is there twice, or was here before",
    ):
        assert expected in str(refused.value)
    with pytest.raises(SettingsError, match="2 participants, and no round"):
        people.directory.propose([], [0, 3])
    with pytest.raises(SettingsError, match="2 participants stay, and newcomers cannot upload"):
        people.directory.propose([newcomer().bundle()], [0, 3])
    People(opened_by="server").directory.propose([newcomer().bundle()], [0, 3])
    with pytest.raises(SettingsError, match="those who left included"):
        People(room=4).directory.propose([newcomer().bundle()], [0])


def test_whoever_left_comes_back_with_new_keys_only(people: People) -> None:
    south = people.participants[1]
    left = people.signed(people.directory.propose([newcomer().bundle()], [1]), 0, 1, 2)
    with pytest.raises(SettingsError, match="was here before"):
        left.propose([south.bundle()], [])
    back = left.propose([newcomer("South").bundle()], [])
    assert back.changes() == ([5], [])


def test_a_rotation_changes_nothing_but_the_reader_secret(people: People) -> None:
    rotated = people.directory.propose([], [])
    assert rotated.changes() == ([], [])
    assert rotated.newest.keys == people.directory.newest.keys
    assert rotated.newest.reader_key != people.directory.newest.reader_key
    with pytest.raises(ProtocolError, match="is a proposal"):
        rotated.propose([], [])


def test_only_members_sign_and_each_of_them_once(people: People) -> None:
    proposal = people.directory.propose([], [])
    with pytest.raises(ProtocolError, match="only members of the committee sign"):
        people.enrolled(people.participants[0]).signed(proposal)
    member = people.enrolled(people.members[2])
    once = member.signed(proposal)
    with pytest.raises(ProtocolError, match="member 2 has signed version 2"):
        member.signed(once)
    with pytest.raises(ProtocolError, match="no proposal"):
        member.signed(people.directory)


def test_signatures_of_others_than_members_are_refused(people: People) -> None:
    proposal = people.directory.propose([], [])
    stranger = SigningKey.fresh()
    with pytest.raises(MessageError, match="does not fit"):
        proposal.signed(0, stranger)
    with pytest.raises(MessageError, match="unknown members"):
        proposal.signed(4, stranger)
    # The server by itself, under keys of its own choice, gets nobody to adopt anything.
    votes = tuple(
        sign_roster(stranger, n, proposal.newest, people.directory.newest, proposal.charter)
        for n in range(3)
    )
    forged = dataclasses.replace(proposal.rosters[0], signatures=votes)
    with pytest.raises(MessageError, match="does not fit"):
        RosterChain(proposal.charter).adopt(forged)


def test_an_older_or_another_history_is_refused(people: People) -> None:
    one = people.signed(people.directory.propose([], []), 0, 1, 2)
    two = people.signed(people.directory.propose([], []), 1, 2, 3)
    enrolment = people.enrolled(people.participants[0]).adopt(one)
    with pytest.raises(ProtocolError, match="somebody handed out an old one"):
        enrolment.adopt(people.directory)
    with pytest.raises(ProtocolError, match="adopted already"):
        enrolment.adopt(one)
    with pytest.raises(ProtocolError, match="another version 2 of the roster"):
        enrolment.adopt(people.signed(two.propose([], []), 0, 1, 2))
    with pytest.raises(ProtocolError, match="under another charter"):
        enrolment.adopt(People().directory)
    renewed = enrolment.adopt(people.signed(one.propose([], []), 0, 1, 2))
    assert len(renewed.rosters) == 2
    data = renewed.to_bytes()
    assert Enrolment.from_bytes(data, one.charter, renewed.rosters).number == 0
    with pytest.raises(KeyMaterialError, match="another"):
        Enrolment.from_bytes(data, one.charter, enrolment.rosters)


def test_a_key_directory_with_the_bundles_of_others_is_refused(people: People) -> None:
    directory = people.directory
    with pytest.raises(MessageError, match="members' bundles are not those"):
        dataclasses.replace(directory, members=directory.members[::-1])
    swapped = {**directory.participants, 0: newcomer("North").bundle()}
    with pytest.raises(MessageError, match="participants' bundles are not those"):
        dataclasses.replace(directory, participants=swapped)


# Numbers of the roster


def next_roster(people: People, keys: tuple[bytes | None, ...]) -> SignedRoster:
    """Return version 2 with these keys, signed by three members who look at nothing."""
    charter = people.directory.charter
    roster = Roster(2, keys, EnvelopeKey.fresh().public)
    parts = (charter.roster_digest(charter.roster), charter.roster_digest(roster))
    votes = tuple(
        MemberSignature(number, one.signing_key.sign("roster", *parts))
        for number, one in enumerate(people.members[:3])
    )
    return SignedRoster(roster, parts[0], votes)


@pytest.mark.parametrize("case", ["given away", "taken away", "twice", "a member's", "too many"])
def test_even_signed_rosters_never_reuse_a_number_or_a_key(people: People, case: str) -> None:
    zero, one, two, three = people.directory.charter.roster.keys
    fresh = SigningKey.fresh().public
    keys: tuple[bytes | None, ...] = {
        "given away": (zero, fresh, two, three),
        "taken away": (zero, one, two),
        "twice": (zero, one, two, three, two),
        "a member's": (zero, one, two, three, people.members[3].signing_key.public),
        "too many": (zero, one, two, three, *(SigningKey.fresh().public for _ in range(5))),
    }[case]
    with pytest.raises(ProtocolError):
        RosterChain(people.directory.charter).adopt(next_roster(people, keys))
    RosterChain(people.directory.charter).adopt(
        next_roster(people, (zero, None, two, three, fresh))
    )


def test_a_key_that_left_and_an_old_reader_key_never_come_back(people: People) -> None:
    charter = people.directory.charter
    zero, one, two, three = charter.roster.keys
    chain = RosterChain(charter)
    second = next_roster(people, (zero, None, two, three))
    chain.adopt(second)
    with pytest.raises(ProtocolError, match="has left before"):
        chain.check_next(Roster(3, (zero, None, two, three, one), EnvelopeKey.fresh().public))
    with pytest.raises(ProtocolError, match="reader key of its own"):
        chain.check_next(Roster(3, (zero, None, two, three), charter.roster.reader_key))
    chain.check_next(Roster(3, (zero, None, two, three), EnvelopeKey.fresh().public))
