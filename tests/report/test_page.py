"""The page of a finished run, read as a browser would read it, against the run directory."""

import hashlib
import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from fedmf.federation.enrolment_files import read_charter
from fedmf.figures import bytes_text, seconds_text
from fedmf.protocol import Session
from fedmf.report import page, read_run
from fedmf.report.page import ALLOWED
from fedmf.report.trust import threats
from tests.report.conftest import AUDIT, LONG, change, lengthen
from tests.report.html import Node, parse


def tree_of(run: Path) -> Node:
    return parse(page(read_run(run)))


def section(tree: Node, name: str) -> Node:
    (found,) = [one for one in tree.all("section") if one.attributes["id"] == name]
    return found


def cells(part: Node, caption: str) -> list[list[str]]:
    (found,) = [one for one in part.all("table") if one.attributes["aria-label"] == caption]
    return [[c.text for c in row.all() if c.tag in ("td", "th")] for row in found.all("tr")][1:]


def known(part: Node) -> dict[str, str]:
    texts = ([one.text for one in part.all(tag)] for tag in ("dt", "dd"))
    return dict(zip(*texts, strict=True))


def test_nothing_is_loaded_and_nothing_runs(run: Path) -> None:
    document = page(read_run(run))
    tree = parse(document)
    tags = {one.tag for one in tree.all()}
    assert tags.isdisjoint({"script", "link", "img", "iframe", "object", "embed", "image", "use"})
    for one in tree.all():
        assert {"src", "srcset", "style", "xlink:href", "data"}.isdisjoint(one.attributes)
        assert not [name for name in one.attributes if name.startswith("on")]
        if "href" in one.attributes:
            assert one.tag == "a"
    (style,) = tree.all("style")
    assert not re.search(r"url\(|@import|@font-face", style.text)
    assert ALLOWED in [one.attributes.get("content") for one in tree.all("meta")]
    assert document.startswith("<!DOCTYPE html>\n")


def test_links_within_the_page_lead_somewhere_and_names_are_unique(run: Path) -> None:
    tree = tree_of(run)
    names = [one.attributes["id"] for one in tree.all() if "id" in one.attributes]
    targets = [str(one.attributes["href"]) for one in tree.all("a")]
    assert len(set(names)) == len(names)
    assert {target[1:] for target in targets if target.startswith("#")} == set(names)


def test_the_same_run_makes_the_same_page(run: Path) -> None:
    assert page(read_run(run)) == page(read_run(run))


def test_reading_changes_nothing(run: Path) -> None:
    def content() -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}

    before = content()
    page(read_run(run))
    assert content() == before


def test_errors_stand_beside_the_unprotected_run_and_the_baselines(run: Path) -> None:
    result = json.loads((run / "result.json").read_text())
    rows = cells(section(tree_of(run), "errors"), "After round 3")
    last = result["rounds"][-1]
    both = [f"{last['rmse']:.4f}", f"{last['mae']:.4f}"]
    baselines = [
        [f"{result[key][name]:.4f}" for key in ("baselines", "baselines_mae")]
        for name in ("bias", "global_mean")
    ]
    assert [row[1:] for row in rows] == [both, both, *baselines]
    caption = "Rankings of items not rated in training, with 95 % intervals over users"
    ndcg = cells(section(tree_of(run), "errors"), caption)[0]
    for text, who in zip(ndcg[1:], ("model", "popularity"), strict=True):
        one = result["intervals"][who]["ndcg_at_10"]
        assert text == f"{one['value']:.4f} ({one['low']:.4f} to {one['high']:.4f})"


def test_the_page_begins_in_plain_words(run: Path, plain: Path) -> None:
    result = json.loads((run / "result.json").read_text())
    text = page(read_run(run))
    assert f"off by {result['final']['rmse']:.2f} (RMSE) on the scale 0.5 to 5" in text
    assert "The protection changed no figure" in text
    assert result["finished"][:10] in text
    assert "Nothing was protected" in page(read_run(plain))
    worse = "worse than the same list"
    for ndcg, is_worse in ((0.0, True), (1.0, False)):
        result["final"]["ndcg_at_10"] = ndcg
        (run / "result.json").write_text(json.dumps(result))
        assert (worse in page(read_run(run))) == is_worse


def test_curves_of_both_runs_have_a_point_for_each_round_and_lie_on_each_other(run: Path) -> None:
    rmse, mae = list(section(tree_of(run), "errors").all("figure"))
    for chart in (rmse, mae):
        unprotected, own = (one.attributes for one in chart.all("polyline"))
        assert (unprotected["class"], own["class"]) == ("curve unprotected", "curve own")
        assert unprotected["points"] == own["points"]
        assert len(str(own["points"]).split()) == 3


def test_a_difference_between_the_curves_is_drawn(run: Path) -> None:
    change(run / "result.json", lambda one: one["unprotected"]["rounds"][1].update(rmse=0.5))
    chart = next(section(tree_of(run), "errors").all("figure"))
    unprotected, own = (str(one.attributes["points"]).split() for one in chart.all("polyline"))
    assert [a == b for a, b in zip(unprotected, own, strict=True)] == [True, False, True]


def test_costs_stand_beside_those_of_the_unprotected_run(run: Path) -> None:
    result = json.loads((run / "result.json").read_text())

    def middle(records: list[dict[str, float]], name: str) -> float:
        return sorted(record[name] for record in records)[1]

    rows = {
        row[0]: row[1:]
        for row in cells(section(tree_of(run), "costs"), "Costs of the median round")
    }
    for label, name, text in (
        ("participant", "participant_seconds_median", seconds_text),
        ("server, for all participants", "server_seconds", seconds_text),
        ("up", "upload_bytes_median", bytes_text),
        ("down", "download_bytes_median", bytes_text),
    ):
        own, other = (
            middle(records, name) for records in (result["rounds"], result["unprotected"]["rounds"])
        )
        assert rows[label] == [text(own), text(other), f"{own / other:.3g}"]
    members = middle(result["rounds"], "member_seconds_median")
    assert rows["member of the committee"] == [seconds_text(members), "-", "-"]


def test_who_learns_what_is_the_session_s_threat_model(run: Path) -> None:
    rows = section(tree_of(run), "threats").text
    members = "3 members of the committee, even without the server"
    assert f"{members} every participant's contributions" in rows
    assert "one participant the sum of every round; by comparing sums over rounds" in rows
    assert "the server, even if breaking the protocol sizes, times, who takes part" in rows
    assert "each pair of items" not in rows


def test_who_learns_what_says_what_sums_of_pairs_show(run: Path) -> None:
    found = read_run(run)
    of_pairs = replace(found, settings=replace(found.settings, method="gram", rounds=1))
    assert "how many users met each pair of items" in str(threats(of_pairs))


def test_the_proof_names_session_charter_and_table(run: Path) -> None:
    facts = known(section(tree_of(run), "proof"))
    session = Session.from_bytes(json.loads((run / "run.json").read_text())["session"].encode())
    assert facts["session"] == session.session_id.hex()
    assert facts["session digest (SHA-256, in every message)"] == session.digest.hex()
    assert facts["charter fingerprint"] == read_charter(run).fingerprint
    assert facts["committee"] == "4 members, 3 of whom have to answer"
    result = json.loads((run / "result.json").read_text())
    assert facts["SHA-256 of this run's table"] == result["table_sha256"]


def test_every_round_of_the_transcript_has_the_digest_of_its_lines(run: Path) -> None:
    lines = (run / "transcript.jsonl").read_text().splitlines(keepends=True)
    rows = cells(
        section(tree_of(run), "proof"),
        "Messages and SHA-256 of each round's lines in transcript.jsonl",
    )
    # The set-up, three rounds, and the table after the last.
    assert [row[0] for row in rows] == ["1", "2", "3", "4", "5"]
    for number, messages, uploads, _, digest in rows:
        # As the page says that grep does it.
        own = [line for line in lines if f'"round": {number},' in line]
        assert digest == hashlib.sha256("".join(own).encode()).hexdigest()
        assert messages == str(len(own))
        assert uploads == str(sum('"kind": "upload"' in line for line in own))


def test_equality_with_the_unprotected_run_is_looked_at(run: Path) -> None:
    assert "equals the unprotected run's table bit for bit" in section(tree_of(run), "proof").text
    change(run / "result.json", lambda one: one["unprotected"].update(table_sha256="ab" * 32))
    tree = tree_of(run)
    assert f"It DIFFERS from the unprotected run's, {'ab' * 32}" in section(tree, "proof").text
    assert "DIFFERENT" in tree.of_class("tiles")[0].text


def test_every_round_has_a_row_and_those_who_were_missing_are_counted(run: Path) -> None:
    tree = tree_of(run)
    rows = cells(section(tree, "rounds"), "Figures of every round")
    assert [row[0] for row in rows] == ["set-up", "1", "2", "3"]
    assert "All 4 rounds counted, the set-up included, and nobody was missing" in tree.text

    def disturb(result: dict[str, list[dict[str, float]]]) -> None:
        result["rounds"][1].update(void_before=2, included=12, dropped=2)
        result["rounds"][2].update(dropped=1, waiting=1)

    change(run / "result.json", disturb)
    text = section(tree_of(run), "rounds").text
    assert "2 rounds ended void and were played again" in text
    assert "3 uploads of the cohorts did not count, in 2 rounds; 1 of them waited for a lot" in text
    rows = cells(section(tree_of(run), "rounds"), "Figures of every round")
    assert rows[2][-3:] == ["12", "2", "2"]


def test_settings_and_versions_are_told(run: Path) -> None:
    facts = known(section(tree_of(run), "settings"))
    result = json.loads((run / "result.json").read_text())
    assert (facts["factors"], facts["threshold"], facts["cohort"]) == ("3", "3", "all participants")
    assert facts["python"] == result["machine"]["python"]
    for name in ("numpy", "cryptography", "fedmf"):
        assert facts[name] == result["machine"]["versions"][name]
    assert "key bits" not in facts


def test_an_unprotected_run_is_held_against_nothing(plain: Path) -> None:
    tree = tree_of(plain)
    assert "there is nothing to compare with" in section(tree, "proof").text
    assert len(list(next(tree.all("figure")).all("polyline"))) == 1
    assert "the server every participant's contributions" in section(tree, "threats").text


def test_without_held_out_ratings_the_training_loss_is_drawn(
    trained: Callable[..., Path],
) -> None:
    run = trained("--protection", "none", "--holdout", "0")
    errors = section(tree_of(run), "errors")
    (chart,) = errors.all("figure")
    assert "Training loss" in chart.text
    assert "Nothing was held out" in errors.text


def test_a_long_run_is_shown_whole(run: Path) -> None:
    change(run / "result.json", lengthen)
    tree = tree_of(run)
    assert len(cells(section(tree, "rounds"), "Figures of every round")) == LONG + 1
    (line, _) = next(section(tree, "errors").all("figure")).all("polyline")
    assert len(str(line.attributes["points"]).split()) == LONG


def test_an_audit_is_shown_with_the_run_s_own_protection_first(run: Path) -> None:
    assert "audit" not in [one.attributes["id"] for one in tree_of(run).all("section")]
    (run / "audit.json").write_text(json.dumps(AUDIT))
    audit = section(tree_of(run), "audit")
    attack = ["rated items", "which items <each> participant rated", "R-precision"]
    assert cells(audit, "Attacks on committee, full uploads") == [
        ["the server & one participant", "nothing", *attack, "0.263", "0.250", "1,400"]
    ]
    assert cells(audit, "Attacks on other protections and uploads") == [
        ["the server alone", "a leak", *attack, "0.975", "0.250", "1,400"]
    ]


def test_names_are_shown_as_they_are(run: Path) -> None:
    name = '<script>alert("1")</script>&amp;'
    change(run / "result.json", lambda one: one["dataset"].update(name=name))
    change(run / "result.json", lambda one: one["machine"].update(processor="<b>'fast'"))
    other = Path(shutil.move(run, run.parent / "<img src=x onerror=alert(1)>"))
    tree = tree_of(other)
    assert not [one for one in tree.all() if one.tag in ("script", "img", "b")]
    assert next(tree.all("h1")).text == other.name
    facts = known(section(tree, "settings"))
    assert (facts["name"], facts["processor"]) == (name, "<b>'fast'")


def test_neither_keys_nor_folders_nor_users_are_on_the_page(run: Path) -> None:
    change(run / "run.json", lambda one: one["data"].update(source="/clinic/ann/stars.csv"))
    document = page(read_run(run))
    assert "stars.csv" in document
    assert "clinic" not in document
    assert str(run.parent) not in document
    secrets = re.findall(r"[0-9a-f]{32,}", (run / "key.json").read_text())
    assert secrets
    assert not [one for one in secrets if one in document]
