"""Primitives of the secrecy wing: integers, bytes and keys; no ratings and no rounds.

Every protection is a secret encoding under which integer vectors add. The modules, in the order
in which a value travels through them::

    fixed_point          floating-point tables become integer tables, and back
    word_size            how many bits a sum of contributions needs
    packing              many signed integers in one plaintext, with their tag or without
    randomness           the only source of secret randomness
    secret_material      what all secrets have in common: they do not print, pickle or compare
    prime_square         one half of Paillier: modulo the square of one prime, powers from a table
    paillier_numbers     the numbers of a private key, and which of them are acceptable
    paillier_public_key  what the server holds: adds, checks and carries ciphertexts
    paillier             what participants hold: encrypts and opens
    keystream            long streams of bytes from 32-byte keys
    rlwe_ring            exact products of polynomials
    rlwe_noise           small random numbers from a keystream, and the room for them in words
    rlwe_key             the key of one upload, sums of such keys, and pads from the same seeds
    rlwe_public          the public polynomials of a session
    rlwe_words           what the server does: adds and carries protected words
    rlwe                 what the holders of keys do: encrypt, and open sums
    master_secret        the secret that participants share under lattice protection
    participants_key     the key that participants share, of whichever kind, as a file
    labels               what is hashed or signed, for one purpose and in one reading
    signatures           who said something
    envelopes            what only one key opens, in one place
    replicated_sharing   keys of uploads, shared out so that sums of them open together
    share_sum            what a member of a committee answers with
    key_file             files that hold keys, readable only by their owner
"""
