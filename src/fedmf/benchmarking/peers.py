"""What others use: python-paillier, Microsoft SEAL and TenSEAL, from the extra ``bench``.

Only the cryptography of a peer is timed. Messages, hashes, signatures and tags, which our own
figures hold, are left out, and so is turning its ciphertexts into bytes.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fedmf.benchmarking.operations import ADD, OPEN, PROTECT, Cost, Operations, seconds_of
from fedmf.extras import how_to_install

PHE_VALUES, TENSEAL_VALUES = 16, 16_384
"""Slices on which the slow ones are measured; their cost is linear in the values."""
PHE_KEYS = (1024, 2048)
"""The authors', and the smallest that is allowed today."""


@dataclass(frozen=True, slots=True)
class Missing:
    """A peer that is not installed."""

    name: str
    """What it is called."""
    reason: str
    """Why it is left out, and what to do."""


class PythonPaillier(Operations):
    """python-paillier as the authors of FedMF used it: a ciphertext for each value."""

    def __init__(
        self, phe: ModuleType, key_bits: int, combine: Callable[[Any, Any], Any] = operator.add
    ) -> None:
        super().__init__(f"phe {key_bits}", PHE_VALUES)
        self._public, self._private = phe.generate_paillier_keypair(n_length=key_bits)
        self._numbers = np.random.default_rng(0).uniform(-1, 1, PHE_VALUES).tolist()
        self._size = PHE_VALUES * 2 * key_bits / 8
        self._combine = combine

    def run(self) -> Mapping[str, Cost]:
        """Encrypt, combine and decrypt a few values, with the authors' precision."""
        encrypt = partial(self._public.encrypt, precision=1e-5)
        made: list[Any] = []
        total: list[Any] = []
        return {
            PROTECT: Cost(seconds_of(lambda: made.extend(map(encrypt, self._numbers))), self._size),
            ADD: Cost(seconds_of(lambda: total.extend(map(self._combine, made, made))), self._size),
            OPEN: Cost(seconds_of(lambda: list(map(self._private.decrypt, total))), self._size),
        }


class SealBfv(Operations):
    """Microsoft SEAL's BFV at its smallest parameters that hold sums of 24 bits.

    Ring degree 2,048, a modulus of 54 bits (128 bits of security by the standard that SEAL goes by)
    and a plaintext prime of 25 bits, with public-key encryption.
    """

    DEGREE, PLAIN_BITS = 2048, 25

    def __init__(self, seal: ModuleType, values: int) -> None:
        super().__init__("SEAL BFV", values)
        parameters = seal.EncryptionParameters(seal.scheme_type.bfv)
        parameters.set_poly_modulus_degree(self.DEGREE)
        parameters.set_coeff_modulus(seal.CoeffModulus.BFVDefault(self.DEGREE))
        parameters.set_plain_modulus(seal.PlainModulus.Batching(self.DEGREE, self.PLAIN_BITS))
        context = seal.SEALContext(parameters)
        keys = seal.KeyGenerator(context)
        self._encoder = seal.BatchEncoder(context)
        self._encryptor = seal.Encryptor(context, keys.create_public_key())
        self._evaluator = seal.Evaluator(context)
        self._decryptor = seal.Decryptor(context, keys.secret_key())
        self._table = np.random.default_rng(0).integers(-1000, 1000, values)

    def encrypt(self, table: NDArray[np.int64]) -> list[Any]:
        """Return ciphertexts of 2,048 values each."""
        return [
            self._encryptor.encrypt(self._encoder.encode(table[start : start + self.DEGREE]))
            for start in range(0, len(table), self.DEGREE)
        ]

    def add(self, total: list[Any], more: list[Any]) -> None:
        """Add ciphertexts to others, in place."""
        for one, other in zip(total, more, strict=True):
            self._evaluator.add_inplace(one, other)

    def decrypt(self, total: list[Any]) -> NDArray[np.int64]:
        """Return the values that ciphertexts hold, padding included."""
        opened = [np.asarray(self._encoder.decode(self._decryptor.decrypt(one))) for one in total]
        return np.concatenate(opened).astype(np.int64)

    def run(self) -> Mapping[str, Cost]:
        """Encrypt, add and decrypt a table."""
        made: list[Any] = []
        protecting = seconds_of(lambda: made.extend(self.encrypt(self._table)))
        size = sum(one.save_size() for one in made)
        return {
            PROTECT: Cost(protecting, size),
            ADD: Cost(seconds_of(lambda: self.add(made, made)), size),
            OPEN: Cost(seconds_of(lambda: self.decrypt(made)), size),
        }


class TensealCkks(Operations):
    """TenSEAL's CKKS with the parameters that NVFlare uses.

    Ring degree 8,192, moduli of 60, 40 and 40 bits, scale 2^40; its sums are approximate.
    """

    SLOTS = 4096

    def __init__(self, tenseal: ModuleType) -> None:
        super().__init__("TenSEAL CKKS", TENSEAL_VALUES)
        context = tenseal.context(
            tenseal.SCHEME_TYPE.CKKS,
            poly_modulus_degree=2 * self.SLOTS,
            coeff_mod_bit_sizes=[60, 40, 40],
            n_threads=1,
        )
        context.global_scale = 2**40
        self._encrypt: Callable[[list[float]], Any] = partial(tenseal.ckks_vector, context)
        numbers = np.random.default_rng(0).uniform(
            -1, 1, (TENSEAL_VALUES // self.SLOTS, self.SLOTS)
        )
        self._vectors: list[list[float]] = numbers.tolist()

    def run(self) -> Mapping[str, Cost]:
        """Encrypt, add and decrypt a table."""
        made: list[Any] = []
        protecting = seconds_of(lambda: made.extend(map(self._encrypt, self._vectors)))
        size = sum(len(one.serialize()) for one in made)
        return {
            PROTECT: Cost(protecting, size),
            ADD: Cost(seconds_of(lambda: [one.add_(one) for one in made]), size),
            OPEN: Cost(seconds_of(lambda: [one.decrypt() for one in made]), size),
        }


def peer(name: str, module: str) -> ModuleType | Missing:
    """Return a peer's module, or say how to install it."""
    try:
        return import_module(module)
    except ImportError as error:
        return Missing(name, f"{error}; {how_to_install('bench')}")


def peer_operations(values: int) -> tuple[list[Operations], list[Missing]]:
    """Return the peers that are installed, and those that are not."""
    makers: dict[tuple[str, str], Callable[[ModuleType], list[Operations]]] = {
        ("phe", "phe"): lambda phe: [PythonPaillier(phe, bits) for bits in PHE_KEYS],
        ("SEAL BFV", "seal"): lambda seal: [SealBfv(seal, values)],
        ("TenSEAL CKKS", "tenseal"): lambda tenseal: [TensealCkks(tenseal)],
    }
    schemes: list[Operations] = []
    missing = []
    for (name, module), make in makers.items():
        found = peer(name, module)
        if isinstance(found, Missing):
            missing.append(found)
        else:
            schemes += make(found)
    return schemes, missing
