import hashlib
import hmac

from fedmf.crypto.derivation import MasterSecret
from fedmf.crypto.secret_material import KeyRandomness

SECRET = MasterSecret(bytes(range(32)))


def test_derived_bytes_are_hmac_of_label_and_parts_behind_their_lengths() -> None:
    message = b"".join(
        len(part).to_bytes(8, "little") + part for part in (b"label", b"one", b"", b"three")
    )
    expected = hmac.new(bytes(range(32)), message, hashlib.sha256).digest()
    assert SECRET.derive("label", b"one", b"", b"three") == expected


def test_no_two_calls_hash_the_same_bytes() -> None:
    derived = {
        SECRET.derive("a", b"bc"),
        SECRET.derive("ab", b"c"),
        SECRET.derive("a", b"b", b"c"),
        SECRET.derive("a", b"", b"bc"),
        MasterSecret(bytes(32)).derive("a", b"bc"),
    }
    assert len(derived) == 5


def test_fresh_secrets_differ() -> None:
    secrets = {MasterSecret.fresh().to_bytes() for _ in range(10)}
    secrets.add(MasterSecret.fresh(KeyRandomness()).to_bytes())
    assert len(secrets) == 11
