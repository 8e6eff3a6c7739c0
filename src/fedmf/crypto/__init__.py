"""Primitives of the secrecy wing: integers, bytes and keys; no ratings and no rounds.

Every protection is a secret encoding under which integer vectors add. The modules, in the order
in which a value travels through them::

    fixed_point          floating-point tables become integer tables, and back
    word_size            how many bits a sum of contributions needs
    packing              many signed integers in one plaintext, with their tag or without
    secret_material      what all secrets have in common, and the only source of secret randomness
    derivation           hashes, the secret that participants share, long streams of bytes from keys
    prime_square         one half of Paillier: modulo the square of one prime, powers from a table
    paillier_numbers     the numbers of a private key, and which of them are acceptable
    paillier_public_key  what the server holds: adds, checks and carries ciphertexts
    paillier             what participants hold: encrypts and opens
    rlwe_ring            exact products of polynomials, and the public ones of a session
    rlwe_key             the key of one upload, sums of such keys, and pads from the same seeds
    rlwe_words           what the server does: adds and carries protected words, with room for noise
    rlwe                 what the holders of keys do: encrypt, and open sums
    participants_key     the key that participants share, of whichever kind, as a file
    signatures           who said something
    envelopes            what only one key opens, in one place
    replicated_sharing   keys of uploads, shared out so that sums of them open together
    share_sum            what a member of a committee answers with
    key_file             files that hold keys, readable only by their owner
"""
