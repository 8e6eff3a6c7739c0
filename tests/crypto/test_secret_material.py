from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from gmpy2 import mpz

from fedmf.crypto.derivation import Keystream, MasterSecret
from fedmf.crypto.envelopes import EnvelopeKey
from fedmf.crypto.paillier import PrivateKey
from fedmf.crypto.prime_square import FixedBase, PrimeSquare
from fedmf.crypto.rlwe_key import PaddedKey, RlweKey
from fedmf.crypto.secret_material import KeyRandomness, SecretMaterial
from fedmf.crypto.share_sum import ShareSum
from fedmf.crypto.signatures import SigningKey
from fedmf.errors import KeyMaterialError

SECRETS: dict[str, Callable[[PrivateKey], SecretMaterial]] = {
    "PrivateKey": lambda key: key,
    "PrivateNumbers": lambda key: key.numbers,
    "KeyRandomness": lambda _: KeyRandomness(bytes(range(32))),
    "FixedBase": lambda _: FixedBase(mpz(3), mpz(49), 1),
    "Keystream": lambda _: Keystream(bytes(32)),
    "RlweKey": lambda _: RlweKey.from_seed(bytes(32)),
    "PaddedKey": lambda _: PaddedKey.sum_of_seeds([bytes(32)], 2),
    "SmallFactor": lambda _: RlweKey.from_seed(bytes(32)).factor(),
    "SigningKey": lambda _: SigningKey(bytes(32)),
    "EnvelopeKey": lambda _: EnvelopeKey(bytes(32)),
    "MasterSecret": lambda _: MasterSecret(bytes(32)),
    "ShareSum": lambda _: ShareSum.from_seeds([[bytes(32)]], 1, 2),
    "PrimeSquare": lambda key: PrimeSquare(key.numbers.p, key.numbers.q, key.numbers.h, 1),
}
OF_32_BYTES: dict[str, Callable[[bytes], object]] = {
    "Keystream": Keystream,
    "SigningKey": SigningKey,
    "MasterSecret": MasterSecret,
    "EnvelopeKey": EnvelopeKey,
    "EnvelopeKey of the hybrid": partial(EnvelopeKey, suite="mlkem768-x25519"),
}
WAYS_OUT: dict[str, Callable[[SecretMaterial], object]] = {
    "oldest pickle": lambda secret: pickle.dumps(secret, 0),
    "pickle": pickle.dumps,
    "newest pickle": lambda secret: pickle.dumps(secret, pickle.HIGHEST_PROTOCOL),
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "state": lambda secret: secret.__getstate__(),
}


@pytest.mark.parametrize("name", SECRETS)
@pytest.mark.parametrize("way", WAYS_OUT)
def test_secrets_are_never_pickled_or_copied(name: str, way: str, key: PrivateKey) -> None:
    secret = SECRETS[name](key)
    with pytest.raises(TypeError, match=f"{name} holds key material and is never pickled"):
        WAYS_OUT[way](secret)


@pytest.mark.parametrize("name", SECRETS)
def test_secrets_print_their_type_alone(name: str, key: PrivateKey) -> None:
    secret = SECRETS[name](key)
    assert {repr(secret), str(secret), f"{secret}"} == {f"<{name} (omitted)>"}


@pytest.mark.parametrize("name", SECRETS)
def test_secrets_compare_by_identity(name: str, key: PrivateKey) -> None:
    assert type(SECRETS[name](key)).__eq__ is object.__eq__


@pytest.mark.parametrize("length", [0, 16, 31, 33, 64, 96])
@pytest.mark.parametrize("make", OF_32_BYTES.values(), ids=OF_32_BYTES)
def test_secrets_of_another_length_are_refused(
    make: Callable[[bytes], object], length: int
) -> None:
    with pytest.raises(KeyMaterialError, match=f"has 32 bytes, this one {length}$"):
        make(bytes(length))


@pytest.mark.parametrize("make", OF_32_BYTES.values(), ids=OF_32_BYTES)
def test_secrets_that_are_not_bytes_are_refused(make: Callable[[Any], object]) -> None:
    with pytest.raises(TypeError, match="is bytes, not str"):
        make("0" * 32)
