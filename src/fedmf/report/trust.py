"""Who learns what, what attacks found, and what shows that the protection was on."""

from __future__ import annotations

from collections.abc import Sequence

from fedmf.figures import bytes_text, measure_text
from fedmf.markup import Markup, element, facts, joined, table
from fedmf.protocol import protection_named
from fedmf.report.reading import AuditRow, Run


def threats(run: Run) -> Markup:
    """Return the section on who learns what."""
    smallest = run.settings.cohort or run.session.participants
    protection = protection_named(run.session.protection)
    found = protection.threats(run.session, run.settings.key_bits, smallest)
    rows = [(threat.adversary, threat.learns) for threat in found]
    shown = run.settings.sums_show
    if shown is not None:
        rows.append((f"anyone who opens the sum of method {run.settings.method}", shown))
    listed = table(
        "Who learns what by looking at all it receives, and by breaking the protocol where it says "
        "so",
        ("adversary", "learns"),
        rows,
        style="prose",
    )
    public = (
        "Public are the session's parameters. Sums are exact, so that comparing them tells more "
        "than each of them; only noise would end that, and there is none. Nobody has reviewed the "
        "protections' composition: docs/limitations.md says what they do not do."
    )
    return joined(listed, element("p", public, class_="note"))


def audit(run: Run) -> Markup:
    """Return the section on attacks; the run has an audit."""
    settings = run.settings
    own = [
        row
        for row in run.audit
        if (row.protection, row.upload) == (settings.protection, settings.upload)
    ]
    others = [row for row in run.audit if row not in own]
    parts = []
    if own:
        parts.append(_attacks(f"Attacks on {settings.protection}, {settings.upload} uploads", own))
    if others:
        rest = _attacks("Attacks on other protections and uploads", others)
        parts.append(element("details", element("summary", "other protections"), rest))
    note = (
        "Audited were small runs of the same protections, played for the purpose, not this run. "
        "An attack that succeeds proves a leak; one that finds nothing proves nothing beyond its "
        "sample."
    )
    return joined(element("p", note, class_="note"), *parts)


def proof(run: Run) -> Markup:
    """Return the section on what shows that the protection was on."""
    return joined(
        element("h3", "Parameters"),
        facts(_parameters(run), style="long"),
        element("h3", "The final table"),
        *_final_table(run),
        element("h3", "The transcript"),
        *_transcript(run),
    )


def _attacks(caption: str, rows: Sequence[AuditRow]) -> Markup:
    headings = ["adversary", "found", "attack", "target", "metric", "value", "chance", "n"]
    cells = [
        [
            row.adversary,
            "nothing" if row.holds else element("strong", "a leak", class_="warning"),
            f"{row.attack}; {row.setting}" if row.setting else row.attack,
            row.target,
            row.metric,
            measure_text(row.value, 3),
            measure_text(row.chance, 3),
            f"{row.n:,}",
        ]
        for row in rows
    ]
    if len({(row.protection, row.upload) for row in rows}) > 1:
        headings = ["run", *headings]
        pairs = zip(rows, cells, strict=True)
        cells = [[f"{row.protection}, {row.upload}", *cell] for row, cell in pairs]
    first = len(headings) - 3
    return table(
        caption, headings, cells, numbers=(first, first + 1, first + 2), style="prose audit"
    )


def _parameters(run: Run) -> list[tuple[str, str]]:
    session, settings = run.session, run.settings
    pairs = [("protection", settings.protection), ("upload", settings.upload)]
    terms = session.committee
    if terms is not None:
        blind = "the participants (blind: the server reads no sum)"
        pairs += [
            ("committee", f"{terms.members} members, {terms.threshold} of whom have to answer"),
            ("sums opened by", blind if terms.blind else "the server"),
            ("assumed to work with the server", f"up to {terms.corrupt} participants"),
            ("smallest cohort answered for", f"{terms.smallest_cohort} uploads"),
            ("envelopes", terms.suite),
            ("charter fingerprint", run.charter_fingerprint or "not in this run directory"),
        ]
    if session.public_key is not None:
        pairs.append(("Paillier modulus", f"{session.public_key.bit_length()} bits"))
    words = ", ".join(
        f"{group.name} {group.rows:,} x {group.columns} in {group.word_bits} bits"
        for group in session.shape.groups
    )
    return [
        *pairs,
        ("participants", f"{session.participants:,}"),
        ("table", words),
        ("session", session.session_id.hex()),
        ("session digest (SHA-256, in every message)", session.digest.hex()),
    ]


def _final_table(run: Run) -> list[Markup]:
    result = run.result
    if result is None:
        return [element("p", "The training is not over: there is no final table yet.")]
    parts = [facts([("SHA-256 of this run's table", result.table_sha256)], style="long")]
    if not run.is_protected:
        parts.append(element("p", "This is the unprotected run: there is nothing to compare with."))
    elif not result.unprotected_sha256:
        parts.append(element("p", "No unprotected run was made to compare with.", class_="warning"))
    elif result.unprotected_sha256 == result.table_sha256:
        text = "It equals the unprotected run's table bit for bit: protection changed no figure."
        parts.append(element("p", text, class_="good"))
    else:
        text = (
            f"It DIFFERS from the unprotected run's, {result.unprotected_sha256}: do not rely on "
            "this run."
        )
        parts.append(element("p", text, class_="warning"))
    return parts


def _transcript(run: Run) -> list[Markup]:
    if not run.transcript:
        return [element("p", "This run directory holds no transcript of a finished round.")]
    rows = [
        (
            str(one.round),
            f"{one.kinds.total():,}",
            f"{one.kinds['upload']:,}",
            bytes_text(one.size),
            one.digest.hexdigest(),
        )
        for one in run.transcript
    ]
    listed = table(
        "Messages and SHA-256 of each round's lines in transcript.jsonl",
        ("round", "messages", "uploads", "bytes", "SHA-256 of its lines"),
        rows,
        numbers=(1, 2, 3),
        style="digests",
    )
    total = sum(one.kinds.total() for one in run.transcript)
    text = (
        "Every line holds the SHA-256 of one message. Anyone who kept a message finds it there; "
        "anyone who keeps this page can tell later if the transcript was changed. Rounds are "
        "those of the session: the set-up and void rounds count, and the last number has the "
        "table after the last round. To compute the digest of round 2: "
    )
    command = element("code", "grep '\"round\": 2,' transcript.jsonl | sha256sum")
    summary = element("summary", f"{total:,} messages in {len(rows):,} rounds")
    return [
        element("p", text, command, class_="note"),
        element("details", summary, listed),
    ]
