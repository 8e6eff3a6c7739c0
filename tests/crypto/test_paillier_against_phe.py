"""python-paillier (phe), an independent implementation, as the oracle."""

from __future__ import annotations

from typing import Any

import pytest
from gmpy2 import mpz

from fedmf.crypto.paillier import PrivateKey

phe = pytest.importorskip("phe", reason="phe is in the dev group alone")

PLAINTEXTS = [0, 1, -1, 987654321, -(2**990) + 3, 2**1000]


@pytest.fixture
def oracle(key: PrivateKey) -> Any:
    public = phe.PaillierPublicKey(int(key.public.n))
    return phe.PaillierPrivateKey(public, int(key.numbers.p), int(key.numbers.q))


@pytest.mark.parametrize("plaintext", PLAINTEXTS, ids=range(len(PLAINTEXTS)))
def test_phe_opens_our_ciphertexts(plaintext: int, key: PrivateKey, oracle: Any) -> None:
    assert oracle.raw_decrypt(int(key.encrypt(mpz(plaintext)))) == plaintext % key.public.n


@pytest.mark.parametrize("plaintext", PLAINTEXTS, ids=range(len(PLAINTEXTS)))
def test_we_open_ciphertexts_of_phe(plaintext: int, key: PrivateKey, oracle: Any) -> None:
    ciphertext = oracle.public_key.raw_encrypt(int(plaintext % key.public.n))
    assert key.decrypt(mpz(ciphertext)) == plaintext


def test_sums_of_both_kinds_agree(key: PrivateKey, oracle: Any) -> None:
    total = key.public.trivial(mpz(0))
    for index, plaintext in enumerate(PLAINTEXTS):
        ours = index % 2 == 0
        raw = oracle.public_key.raw_encrypt(int(plaintext % key.public.n))
        total = key.public.add(total, key.encrypt(mpz(plaintext)) if ours else mpz(raw))
    assert key.decrypt(total) == sum(PLAINTEXTS)
    assert oracle.raw_decrypt(int(total)) == sum(PLAINTEXTS) % key.public.n
