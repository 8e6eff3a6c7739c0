"""What the primitives under the protections cost per value, without messages, tags and hashes.

`fedmf bench` measures the protections as a whole; here stands what they are made of. Every repeat
runs all of it, each part right after numpy's addition of float32 tables. For Paillier a bare
exponentiation, the two of which decrypting takes at the least, stands beside the rest::

    python benchmarks/primitives.py --repeats 21
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import partial

import gmpy2
import numpy as np
from rich.console import Console

from fedmf.benchmarking.machine import this_machine
from fedmf.benchmarking.operations import Cost, Operations, measure, seconds_of
from fedmf.benchmarking.shown import rows_table
from fedmf.crypto.packing import SlotPacking, slots_for
from fedmf.crypto.paillier import PrivateKey
from fedmf.crypto.rlwe import encrypt, open_sum
from fedmf.crypto.rlwe_key import PaddedKey, RlweKey
from fedmf.crypto.rlwe_ring import DEGREE, GROUP_BLOCKS, PublicPolynomials, limb_spectra
from fedmf.crypto.rlwe_words import (
    add_words,
    blocks_for,
    pack_words,
    plan_rlwe_words,
    unpack_words,
    zero_words,
)

VALUES = 256_000
UPLOADS = 610
SUMMED_KEYS = VALUES // DEGREE
SLOT_BITS = 32
PLAINTEXTS = 16


class Primitives(Operations):
    """Some operations, each on all values.

    Parameters
    ----------
    name
        What they belong to.
    values
        How many values each of them works on.
    size
        Bytes of these values, protected.
    operations
        What to measure, by name.
    """

    def __init__(
        self, name: str, values: int, size: float, operations: Mapping[str, Callable[[], object]]
    ) -> None:
        super().__init__(name, values)
        self._size = size
        self._operations = operations

    def run(self) -> Mapping[str, Cost]:
        """Run each operation once."""
        return {
            name: Cost(seconds_of(operation), self._size)
            for name, operation in self._operations.items()
        }


def lattice(kept_bits: int) -> Primitives:
    """Return the primitives of lattice words."""
    public = PublicPolynomials(bytes(range(32)))
    key = RlweKey.from_seed(bytes(32))
    blocks = blocks_for(VALUES)
    size = plan_rlwe_words(uploads=UPLOADS, kept_bits=kept_bits)
    half = 2 ** (size.word_bits - 1)
    values = np.random.default_rng(0).integers(-half, half, VALUES)
    protect = partial(encrypt, values, public=public, key=key, noise_seed=bytes(32), size=size)
    words = protect()
    data = pack_words(words, size)

    def expand() -> None:
        for first in range(0, blocks, GROUP_BLOCKS):
            limb_spectra(public.limbs(first, min(GROUP_BLOCKS, blocks - first)))

    return Primitives(
        f"words of {kept_bits} bits",
        VALUES,
        len(data),
        {
            "expand, once a session": expand,
            "encrypt": protect,
            "add": partial(add_words, zero_words(blocks, size), words, size),
            "open": partial(open_sum, words, public=public, key=key, size=size, uploads=1),
            "pack": partial(pack_words, words, size),
            "unpack": partial(unpack_words, data, blocks, size),
            "keys, a block each": partial(PaddedKey.sum_of_seeds, [bytes(32)] * SUMMED_KEYS, 0),
        },
    )


def paillier(key_bits: int) -> Primitives:
    """Return the primitives of Paillier."""
    key = PrivateKey.generate(key_bits)
    packing = SlotPacking(SLOT_BITS, slots_for(key_bits, SLOT_BITS))
    half = 2 ** (SLOT_BITS - 1)
    rows = np.random.default_rng(0).integers(-half, half, (PLAINTEXTS, packing.slots))
    plaintexts = [packing.pack(row) for row in rows]
    ciphertexts = key.encrypt_all(plaintexts)
    primes = (key.numbers.p, key.numbers.q)

    def exponentiate() -> None:
        for ciphertext in ciphertexts:
            for prime in primes:
                gmpy2.powmod(ciphertext, prime - 1, prime * prime)

    return Primitives(
        f"paillier {key_bits}",
        PLAINTEXTS * packing.slots,
        PLAINTEXTS * key.public.ciphertext_bytes,
        {
            "two bare exponentiations": exponentiate,
            "pack": lambda: [packing.pack(row) for row in rows],
            "encrypt": lambda: key.encrypt_all(plaintexts),
            "add": lambda: list(map(key.public.add, ciphertexts, ciphertexts)),
            "check": lambda: key.public.check(ciphertexts),
            "decrypt": lambda: list(map(key.decrypt, ciphertexts)),
            "unpack": lambda: [packing.unpack(one, packing.slots) for one in plaintexts],
        },
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--repeats", type=int, default=21)
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    options = parser.parse_args()
    schemes = [lattice(32), lattice(40), paillier(2048), paillier(3072)]
    rows = measure(schemes, values=VALUES, repeats=options.repeats)
    machine = this_machine()
    if options.json:
        document = {"machine": asdict(machine), "rows": [asdict(row) for row in rows]}
        print(json.dumps(document, indent=1))
    else:
        console = Console(width=120, highlight=False)
        console.print(rows_table(rows))
        console.print(f"machine: {machine}")


if __name__ == "__main__":
    main()
