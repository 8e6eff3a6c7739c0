"""Primitives of the secrecy wing: integers, bytes and keys; no ratings and no rounds.

Every protection is a secret encoding under which integer vectors add. The modules, in the order
in which a value travels through them::

    fixed_point          floating-point tables become integer tables, and back
    word_size            how many bits a sum of contributions needs
    packing              many signed integers in one plaintext
    randomness           the only source of secret randomness
    secret_material      what all secrets have in common: they do not print, pickle or compare
    fixed_base           powers of one base from a table
    prime_square         one half of Paillier: the arithmetic modulo the square of one prime
    paillier_numbers     the numbers of a private key, and which of them are acceptable
    paillier_public_key  what the server holds: adds, checks and carries ciphertexts
    paillier             what participants hold: encrypts and opens
    paillier_key_format  how a private key is written down
    keystream            long streams of bytes from 32-byte keys
    rlwe_ring            exact products of polynomials
    rlwe_noise           small random numbers from a keystream
    rlwe_key             the key of one upload, and sums of such keys
    padded_key           the same with pads, for numbers that travel beside the words
    rlwe_public          the public polynomials of a session
    rlwe_sizes           how the bits of a protected word are shared out
    rlwe_words           what the server does: adds and carries protected words
    rlwe                 what the holders of keys do: encrypt, and open sums
    master_secret        the secret that participants share under lattice protection
    participants_key     the key that participants share, of whichever kind, as bytes
    labels               what is hashed or signed, for one purpose and in one reading
    signatures           who said something
    envelopes            what only one key opens, in one place
    replicated_sharing   keys of uploads, shared out so that sums of them open together
    share_sum            what a member of a committee answers with
    key_file             files that hold keys, for their owner alone
"""
