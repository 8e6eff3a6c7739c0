"""``fedmf keys`` as people meet it: from empty folders to signed rosters, and every refusal."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from fedmf.crypto.derivation import MasterSecret
from fedmf.crypto.paillier import PrivateKey
from fedmf.crypto.participants_key import save_participants_key
from tests.cli.command import Ran, run
from tests.protocol.committee.world import make_session

PARTICIPANTS = ("north", "south", "east", "harbour")
MEMBERS = ("university", "ombudsman", "foundation", "auditor")


def keys(*arguments: str, answer: str = "") -> Ran:
    return run("keys", *arguments, answer=answer)


def document(*arguments: str) -> Any:
    """Return the one JSON document that a command prints, and check that it prints nothing else."""
    ran = keys(*arguments, "--json")
    assert (ran.status, ran.err) == (0, "")
    assert_no_secrets(ran.out)
    return ran.json


def assert_refused(ran: Ran, number: int, *sentences: str) -> None:
    """Check that a command ended with one sentence, and without a secret or anything on stdout."""
    assert ran.status == number, ran.err
    assert ran.out == ""
    assert ran.error.startswith(f"error {number}: ")
    for sentence in sentences:
        assert sentence in ran.error
    assert_no_secrets(ran.err)


def assert_no_secrets(text: str) -> None:
    for path in Path().rglob("*.json"):
        if path.name in ("keys.json", "enrolment.json"):
            found = json.loads(path.read_text())
            found |= json.loads(found.get("keys", "{}"))
            for name in ("signing_key", "envelope_key", "reader"):
                assert not found.get(name) or found[name] not in text


def charter_arguments(participants: tuple[str, ...] = PARTICIPANTS) -> list[str]:
    arguments = ["charter", "--session", "session.json", "--out", "directory"]
    for name in MEMBERS:
        arguments += ["--member", f"{name}/card.json"]
    for name in participants:
        arguments += ["--participant", f"{name}/card.json"]
    return arguments


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Everybody's keys and enrolment, and a key directory: made once and copied by each test."""
    folder = tmp_path_factory.mktemp("prepared")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        Path("session.json").write_bytes(make_session(8).to_bytes())
        for kind, names in (("participant", PARTICIPANTS), ("member", MEMBERS)):
            for name in names:
                document(kind, "--name", name, "--out", name)
        fingerprint = document(*charter_arguments())["fingerprint"]
        for name in (*PARTICIPANTS, *MEMBERS):
            document(
                *("accept", "directory", "--key", f"{name}/keys.json"),
                *("--fingerprint", fingerprint, "--out", f"enrolments/{name}"),
            )
    return folder


@pytest.fixture(autouse=True)
def _with_bundles(prepared: Path) -> None:
    for name in (*PARTICIPANTS, *MEMBERS):
        shutil.copytree(prepared / name, name)
    shutil.copy(prepared / "session.json", "session.json")


@pytest.fixture
def charter(prepared: Path) -> str:
    """Have a key directory; return its charter's fingerprint."""
    shutil.copytree(prepared / "directory", "directory")
    return str(document("show", "directory")["fingerprint"])


@pytest.fixture
def enrolled(prepared: Path, charter: str) -> str:
    for name in (*PARTICIPANTS, *MEMBERS):
        shutil.copytree(prepared / "enrolments" / name, f"{name}/enrolment")
    return charter


def propose(out: str, *arguments: str, directory: str = "directory") -> str:
    return str(document("roster", directory, "--out", out, *arguments)["fingerprint"])


def sign(directory: str, name: str, fingerprint: str) -> Any:
    return document(
        *("sign", directory, "--enrolment", f"{name}/enrolment", "--fingerprint", fingerprint),
        "--yes",
    )


# Keys and bundles


def test_secret_files_are_for_their_owner_alone_and_bundles_for_everybody() -> None:
    assert Path("north/keys.json").stat().st_mode & 0o777 == 0o600
    assert Path("north/card.json").stat().st_mode & 0o044 == 0o044
    assert "signing" not in Path("north/card.json").read_text()


def test_new_keys_never_replace_others() -> None:
    before = Path("north/keys.json").read_bytes()
    ran = keys("participant", "--name", "North again", "--out", "north")
    assert_refused(ran, 30, "north exists already", "name another folder")
    assert Path("north/keys.json").read_bytes() == before


def test_a_bad_name_or_suite_makes_no_keys() -> None:
    assert_refused(keys("member", "--name", " ", "--out", "new"), 12, "printable")
    ran = keys("participant", "--name", "West", "--out", "new", "--suite", "x22519")
    assert_refused(ran, 11, "did you mean 'x25519'?")
    assert not Path("new").exists()


# Charter


def test_a_charter_says_what_to_compare() -> None:
    ran = keys(*charter_arguments())
    assert ran.status == 0
    shown = document("show", "north/card.json")["fingerprint"]
    assert f"participant 0: north, bundle {shown}" in ran.text
    assert "numbers left for newcomers: 4" in ran.text
    fingerprint = document("show", "directory/charter.json")["fingerprint"]
    assert f"fingerprint of the charter: {fingerprint}" in ran.text


def test_a_run_json_will_do_as_the_session(charter: str) -> None:
    text = make_session(8).to_bytes().decode()
    Path("session.json").write_text(json.dumps({"format": "fedmf-run", "session": text}))
    shutil.rmtree("directory")
    # The reader secret is another one, so is the charter; the session is the same.
    assert document(*charter_arguments())["fingerprint"] != charter
    assert document("show", "directory")["session_id"] == "00" * 16


@pytest.mark.parametrize(
    ("broken", "number", "sentence"),
    [
        ("north/card.json", 32, "is a file of personal keys, where a public key bundle is due"),
        ("session.json", 32, "session.json does not hold a session: session_id is missing"),
        (
            "east/card.json",
            32,
            "does not hold a public key bundle: the signature of a 'card' does not fit",
        ),
        (
            "south/card.json",
            32,
            "public key bundle from south/card.json: No such file",
        ),
    ],
)
def test_a_file_that_is_not_what_is_due_is_named(broken: str, number: int, sentence: str) -> None:
    path = Path(broken)
    match broken.split("/")[0]:
        case "north":
            path.write_bytes(Path("north/keys.json").read_bytes())
        case "session.json":
            path.write_text("{}")
        case "east":
            path.write_text(path.read_text().replace("east", "West"))
        case "south":
            path.unlink()
    assert_refused(keys(*charter_arguments()), number, sentence)
    assert not Path("directory").exists()


def test_bundles_that_do_not_fit_are_refused_and_nothing_is_written() -> None:
    ran = keys(*charter_arguments(("north", "north", "auditor")))
    assert_refused(ran, 12, "'north' is there twice", "'auditor' is a member's")
    assert_refused(keys(*charter_arguments(("north", "east"))), 12, "2 participants, and no round")
    assert not Path("directory").exists()


def test_a_key_directory_is_never_overwritten(charter: str) -> None:
    assert charter
    assert_refused(keys(*charter_arguments()), 12, "directory exists already")


def test_an_existing_reader_secret_is_taken_and_a_paillier_key_is_not() -> None:
    reader = MasterSecret.fresh()
    save_participants_key("reader.json", reader)
    save_participants_key("paillier.json", PrivateKey.generate(2048))
    ran = keys(*charter_arguments(), "--reader", "paillier.json")
    assert_refused(ran, 30, "holds a Paillier key")
    first = document(*charter_arguments(), "--reader", "reader.json")["fingerprint"]
    shutil.rmtree("directory")
    assert document(*charter_arguments(), "--reader", "reader.json")["fingerprint"] == first


# Accept


def accept(name: str, fingerprint: str, *more: str) -> Ran:
    return keys(
        *("accept", "directory", "--key", f"{name}/keys.json", "--fingerprint", fingerprint),
        *("--out", f"{name}/enrolment", *more),
    )


def test_accepting_pins_charter_and_number(charter: str) -> None:
    ran = accept("east", charter.upper().replace(" ", ""))
    assert (ran.status, ran.out.splitlines()[0]) == (0, "accepted: east is participant 2")
    assert Path("east/enrolment/enrolment.json").stat().st_mode & 0o777 == 0o600
    assert_refused(accept("east", charter), 30, "east/enrolment exists already")


def test_another_fingerprint_is_refused_with_what_to_do(charter: str) -> None:
    other = charter[:-1] + ("0" if charter[-1] != "0" else "1")
    assert_refused(accept("east", other), 30, "compare once more, by voice", "must not be used")
    assert_refused(accept("east", charter[:9]), 12, "16 groups of four")
    assert not Path("east/enrolment").exists()


def test_keys_that_others_may_read_are_refused(charter: str) -> None:
    Path("east/keys.json").chmod(0o644)
    assert_refused(accept("east", charter), 30, "may be used by others (mode 644)")
    assert_refused(keys("show", "east/keys.json"), 30, "may be used by others")


def test_a_stranger_learns_that_its_key_is_not_in_the_charter(charter: str) -> None:
    assert keys("participant", "--name", "West", "--out", "west").status == 0
    assert_refused(accept("west", charter), 30, "'West' is not among the participants' keys")


def test_the_wrong_sealed_file_is_refused_and_the_right_one_may_come_apart(charter: str) -> None:
    shutil.move("directory/sealed/participant-2.json", "mine.json")
    assert_refused(accept("east", charter), 30, "no reader secret for participant 2")
    theirs = "directory/sealed/participant-0.json"
    assert_refused(accept("east", charter, "--sealed", theirs), 32, "sealed for participant 0")
    assert accept("east", charter, "--sealed", "mine.json").status == 0


def test_a_folder_that_is_no_key_directory_is_refused(charter: str) -> None:
    ran = keys("accept", "north", "--key", "north", "--fingerprint", charter, "--out", "new")
    assert_refused(ran, 32, "cannot read a charter from north/charter.json")
    Path("directory/cards/member-3.json").unlink()
    assert_refused(accept("north", charter), 32, "does not hold all members' public key bundles")


# Rosters


def test_a_roster_is_proposed_signed_and_adopted(enrolled: str) -> None:
    document("participant", "--name", "West", "--out", "west")
    proposed = document("roster", "directory", "--remove", "1", "--add", "west", "--out", "r2")
    assert proposed["version"] == 2
    assert [one["number"] for one in proposed["removed"]] == [1]
    assert [(one["number"], one["name"]) for one in proposed["added"]] == [(4, "West")]
    fingerprint = proposed["fingerprint"]
    assert sign("r2", "university", fingerprint)["signatures"] == 1
    assert sign("r2", "auditor", fingerprint)["signatures"] == 2
    assert document("show", "r2")["signatures_missing"] == 1
    early = keys("adopt", "r2", "--enrolment", "north/enrolment")
    assert_refused(early, 33, "2 of 3 members have signed it")
    sign("r2", "foundation", fingerprint)
    assert document("adopt", "r2", "--enrolment", "north/enrolment")["roster_version"] == 2
    assert document("adopt", "r2", "--enrolment", "ombudsman/enrolment")["number"] == 1
    newcomer = document(
        "accept", "r2", "--key", "west", "--fingerprint", enrolled, "--out", "west/enrolment"
    )
    assert (newcomer["number"], newcomer["roster_version"]) == (4, 2)
    gone = keys("adopt", "r2", "--enrolment", "south/enrolment")
    assert_refused(gone, 33, "participant 1 is not in version 2 of the roster any more")
    again = keys("adopt", "r2", "--enrolment", "north/enrolment")
    assert_refused(again, 33, "adopted already")
    old = keys("adopt", "directory", "--enrolment", "north/enrolment")
    assert_refused(old, 33, "somebody handed out an old one")


def test_signing_shows_what_changes_and_asks(enrolled: str) -> None:
    assert enrolled
    document("participant", "--name", "West", "--out", "west")
    fingerprint = propose("r2", "--remove", "1", "--add", "west/card.json")
    arguments = (
        *("sign", "r2", "--enrolment", "auditor/enrolment"),
        *("--fingerprint", fingerprint),
    )
    before = Path("r2/roster-2.json").read_bytes()
    for answer in ("n\n", "\n", ""):
        ran = keys(*arguments, answer=answer)
        assert ran.status == 33
        assert "nothing was signed" in ran.err
        assert Path("r2/roster-2.json").read_bytes() == before
    ran = keys(*arguments, answer="y\n")
    bundle = document("show", "west")["fingerprint"]
    for expected in (
        "leaves: 1, south",
        f"comes: 4, West, bundle {bundle}",
        "the people themselves",
    ):
        assert expected in ran.error
    assert ran.status == 0
    assert ran.out.endswith("signed by member 3; 2 more to go\n")


def test_signing_without_having_compared_is_refused(enrolled: str) -> None:
    fingerprint = propose("r2")
    arguments = ("sign", "r2", "--enrolment", "auditor/enrolment", "--yes", "--fingerprint")
    assert_refused(keys(*arguments, enrolled), 30, "the proposed roster has another fingerprint")
    ran = keys(*arguments[:4], "--fingerprint", fingerprint, "--json")
    assert_refused(ran, 12, "give --yes")
    ran = keys("sign", "directory", *arguments[2:], enrolled)
    assert_refused(ran, 33, "no proposal to sign")


def test_only_members_sign_and_only_once(enrolled: str) -> None:
    assert enrolled
    fingerprint = propose("r2")
    arguments = ("--yes", "--fingerprint", fingerprint)
    ran = keys("sign", "r2", "--enrolment", "north/enrolment", *arguments)
    assert_refused(ran, 33, "only members of the committee sign rosters", "participant 0")
    sign("r2", "auditor", fingerprint)
    ran = keys("sign", "r2", "--enrolment", "auditor/enrolment", *arguments)
    assert_refused(ran, 33, "member 3 has signed version 2 of the roster already")


def test_a_member_signs_one_roster_of_a_version_even_after_a_restart(enrolled: str) -> None:
    assert enrolled
    one, two = propose("one"), propose("two")
    shutil.copytree("one", "copy")
    sign("one", "auditor", one)
    arguments = ("--enrolment", "auditor/enrolment", "--yes", "--fingerprint")
    ran = keys("sign", "two", *arguments, two)
    assert_refused(ran, 33, "has signed another version 2", "who proposed two")
    # The same proposal in another copy is the same roster, and may be signed again.
    assert sign("copy", "auditor", one)["signatures"] == 1
    # What the record is for: without it the member signs both.
    Path("auditor/enrolment/signed-2.json").unlink()
    assert sign("two", "auditor", two)["signatures"] == 1


def test_a_proposal_that_does_not_fit_is_refused(enrolled: str) -> None:
    assert enrolled
    ran = keys("roster", "directory", "--remove", "9", "--add", "north", "--out", "r2")
    assert_refused(ran, 12, "number 9 is not in version 1", "'north' is there twice")
    assert not Path("r2").exists()
    propose("r2")
    ran = keys("roster", "r2", "--out", "r3")
    assert_refused(ran, 33, "version 2 of the roster is a proposal")


def test_a_forged_signature_spoils_the_key_directory_and_is_named(enrolled: str) -> None:
    fingerprint = propose("r2")
    sign("r2", "auditor", fingerprint)
    path = Path("r2/roster-2.json")
    text = path.read_text()
    cut = text.rindex('"')
    path.write_text(text[: cut - 1] + ("0" if text[cut - 1] != "0" else "1") + text[cut:])
    ran = keys("accept", "r2", "--key", "north", "--fingerprint", enrolled, "--out", "new")
    assert_refused(ran, 32, "r2: the signature of a 'roster' does not fit")


def test_an_enrolment_beside_an_exchanged_charter_is_refused(enrolled: str) -> None:
    assert enrolled
    shutil.move("directory", "true")
    document(*charter_arguments())
    shutil.copy("directory/charter.json", "north/enrolment/charter.json")
    ran = keys("adopt", "directory", "--enrolment", "north/enrolment")
    assert_refused(ran, 30, "the charter beside it is not the one that was accepted")
    ran = keys("adopt", "directory", "--enrolment", "east/enrolment")
    assert_refused(ran, 33, "under another charter than the one accepted here")


# Show


def test_show_knows_every_file_and_folder(enrolled: str) -> None:
    propose("r2")
    expected = {
        "north/card.json": "a public key bundle",
        "north/keys.json": "a file of secret keys",
        "north/enrolment": "an enrolment, with its secret keys",
        "north/enrolment/enrolment.json": "an enrolment, with its secret keys",
        "directory/charter.json": "a charter",
        "directory/sealed/participant-0.json": "a reader secret, sealed for one participant",
        "directory": "a key directory",
        "r2/roster-2.json": "a version of the roster",
        "r2": "a key directory",
    }
    for path, kind in expected.items():
        assert document("show", path)["is"] == kind
        ran = keys("show", path)
        assert ran.text.startswith(f"{path} is {kind} ")
        assert_no_secrets(ran.out)
    assert enrolled in keys("show", "directory").text
    assert re.search(r"participant 1: south, bundle ([0-9a-f]{4} ?){16}", keys("show", "r2").text)


def test_show_says_what_it_does_not_know() -> None:
    assert_refused(keys("show", "session.json"), 32, "is not a file of fedmf keys")
    assert_refused(keys("show", "nothing.json"), 32, "No such file")
    Path("empty").mkdir()
    assert_refused(
        keys("show", "empty"), 32, "holds neither keys nor a key directory nor an enrolment"
    )
