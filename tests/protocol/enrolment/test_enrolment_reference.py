"""The page on enrolment files, followed only with other people's tools."""

import hashlib
import json
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from fedmf.federation.enrolment_files import write_directory, write_enrolment, write_keys
from tests.protocol.enrolment.people import People


def labelled(label: str, *parts: bytes) -> bytes:
    pieces = [len(part).to_bytes(8, "little") + part for part in (label.encode(), *parts)]
    return b"fedmf 1" + b"".join(pieces)


def sha256(label: str, *parts: bytes) -> bytes:
    return hashlib.sha256(labelled(label, *parts)).digest()


def spelled(fields: dict[str, Any]) -> bytes:
    return json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def test_a_stranger_reads_bundles_charter_rosters_and_sealed_secrets(tmp_path: Path) -> None:
    people = People()
    directory = people.signed(people.directory.propose([], []), 0, 2, 3)
    write_directory(tmp_path / "directory", directory)
    south = people.participants[1]
    write_keys(tmp_path / "south", south)
    enrolment = people.enrolled(south, directory)
    write_enrolment(tmp_path / "enrolment", enrolment)

    def read(name: str) -> tuple[bytes, dict[str, Any]]:
        data = (tmp_path / name).read_bytes()
        fields = json.loads(data)
        assert spelled(fields) == data
        return data, fields

    def octets(fields: dict[str, Any], name: str) -> bytes:
        return bytes.fromhex(fields[name])

    data, bundle = read("directory/cards/participant-1.json")
    assert read("south/card.json") == (data, bundle)
    unsigned = spelled({name: value for name, value in bundle.items() if name != "signature"})
    public = Ed25519PublicKey.from_public_bytes(octets(bundle, "signature_key"))
    public.verify(octets(bundle, "signature"), labelled("card", unsigned))
    assert sha256("card", data).hex() == south.bundle().fingerprint.replace(" ", "")

    charter_data, charter = read("directory/charter.json")
    charter_digest = sha256("charter", charter_data)
    assert charter_digest.hex() == directory.charter.fingerprint.replace(" ", "")
    assert charter["participant_keys"][1] == bundle["signature_key"]
    assert charter["session"].encode() == people.session.to_bytes()

    _, roster = read("directory/roster-2.json")
    assert octets(roster, "charter") == charter_digest
    signed = octets(roster, "signed")
    length = int.from_bytes(signed[:4], "little")
    inner, before = signed[4 : 4 + length], signed[4 + length : 36 + length]
    roster_digest = sha256("roster", charter_digest, inner)
    assert roster_digest.hex() == directory.fingerprint.replace(" ", "")
    votes = signed[36 + length :]
    assert int.from_bytes(votes[:4], "little") == 3
    for at in range(4, len(votes), 68):
        member = int.from_bytes(votes[at : at + 4], "little")
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(charter["member_keys"][member]))
        key.verify(votes[at + 4 : at + 68], labelled("roster", before, roster_digest))

    _, sealed = read("directory/sealed/participant-1.json")
    _, keys = read("south/keys.json")
    info = labelled("reader secret", octets(sealed, "roster"), (1).to_bytes(4, "little"))
    reader = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM).decrypt(
        octets(sealed, "envelope"),
        X25519PrivateKey.from_private_bytes(octets(keys, "envelope_key")),
        info=info,
    )
    _, accepted = read("enrolment/enrolment.json")
    assert octets(accepted, "reader") == reader
    assert octets(accepted, "charter") == charter_digest
    assert octets(accepted, "roster") == octets(sealed, "roster") == roster_digest
    assert accepted["keys"].encode() == (tmp_path / "south/keys.json").read_bytes()
    assert accepted["version"] == 2
