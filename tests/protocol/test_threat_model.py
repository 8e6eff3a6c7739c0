from dataclasses import replace
from itertools import product

import pytest

from fedmf.crypto.paillier import PrivateKey
from fedmf.errors import UnknownNameError
from fedmf.protocol import PROTECTIONS, UPLOADS, participant_protection, server_protection
from fedmf.protocol.threat_model import threat_model
from tests.protocol.sessions import small_session


@pytest.mark.parametrize(
    ("protection", "upload"),
    # Protection rlwe has full uploads alone.
    [pair for pair in product(PROTECTIONS, UPLOADS) if pair != ("rlwe", "part")],
)
def test_every_protection_says_what_the_server_learns(protection: str, upload: str) -> None:
    threats = {one.adversary: one.learns for one in threat_model(protection, upload, 3072, 10)}
    assert {"the server", "one participant", "the network"} <= set(threats)
    shows_rated = "which items" in threats["the server"]
    assert shows_rated == (protection == "paillier" and upload == "part")
    assert ("gradients" in threats["the server"]) == (protection == "none")


def test_weak_keys_are_said_to_be_weak() -> None:
    assert "can be broken" in threat_model("paillier", "full", 1024, 10)[0].learns
    assert "can be broken" not in threat_model("paillier", "full", 2048, 10)[0].learns


def test_unknown_protections_are_refused(weak_key: PrivateKey) -> None:
    session = replace(small_session(), protection="rot13")
    with pytest.raises(UnknownNameError, match="rot13"):
        participant_protection(session, weak_key)
    with pytest.raises(UnknownNameError, match="rot13"):
        server_protection(session)


def test_two_participants_are_too_few() -> None:
    def seen(participants: int) -> str:
        threats = threat_model("rlwe", "full", 3072, participants)
        return next(one.learns for one in threats if one.adversary == "one participant")

    assert "two are too few" in seen(2)
    assert "sum of the others" in seen(3)
