from dataclasses import replace
from itertools import product

import pytest

from fedmf.errors import UnknownNameError
from fedmf.protocol import (
    PROTECTIONS,
    Session,
    fresh_key,
    protection_named,
)
from fedmf.protocol.session import Upload
from fedmf.protocol.threat_model import Threat
from tests.protocol.committee.world import make_session
from tests.protocol.sessions import small_session


def threat_model(session: Session, key_bits: int, participants: int) -> tuple[Threat, ...]:
    return protection_named(session.protection).threats(session, key_bits, participants)


def session_of(protection: str, upload: Upload = "full") -> Session:
    if protection == "committee":
        return make_session(10)
    return replace(small_session(upload), protection=protection)


@pytest.mark.parametrize(
    ("protection", "upload"),
    # Lattice words have full uploads alone.
    [
        (protection, upload)
        for protection, upload in product(PROTECTIONS, ("full", "part"))
        if upload == "full" or protection in ("none", "paillier")
    ],
)
def test_every_protection_says_what_the_server_learns(protection: str, upload: Upload) -> None:
    session = session_of(protection, upload)
    threats = {one.adversary: one.learns for one in threat_model(session, 3072, 10)}
    assert {"the server", "one participant", "the network"} <= set(threats)
    shows_rated = "which items" in threats["the server"]
    assert shows_rated == (protection == "paillier" and upload == "part")
    assert ("contributions" in threats["the server"]) == (protection == "none")


def test_weak_keys_are_said_to_be_weak() -> None:
    session = session_of("paillier")
    assert "can be broken" in threat_model(session, 1024, 10)[0].learns
    assert "can be broken" not in threat_model(session, 2048, 10)[0].learns


def test_a_server_that_opens_learns_the_sums_and_members_below_the_threshold_no_more() -> None:
    for opened_by, learns in (("server", "item factors"), ("participants", "nothing but")):
        session = make_session(10, opened_by=opened_by)  # type: ignore[arg-type]
        threats = {one.adversary: one.learns for one in threat_model(session, 3072, 10)}
        assert learns in threats["the server"]
        assert learns in threats["the server with 2 members of the committee"]
        assert "contributions" in threats["the server with 3 members of the committee"]


def test_unknown_protections_are_refused() -> None:
    with pytest.raises(UnknownNameError, match="rot13"):
        replace(small_session(), protection="rot13")
    with pytest.raises(UnknownNameError, match="rot13"):
        fresh_key("rot13", 1024)


def test_two_participants_are_too_few() -> None:
    def seen(participants: int) -> str:
        threats = threat_model(session_of("rlwe"), 3072, participants)
        return next(one.learns for one in threats if one.adversary == "one participant")

    assert "two are too few" in seen(2)
    assert "sum of the others" in seen(3)
