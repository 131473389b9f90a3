"""The audit: recorded evidence is there and borne out, and losing, bending or ageing any of it is noticed."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from dita.conformance.defects import REPOSITORY, Defect, PatchRefused, require_applicable
from dita.runtime import cli_checks
from dita.runtime.audit import judging
from dita.runtime.audit.asking import TESTED, Answers, answers, asks_of, shows_in_traffic
from dita.runtime.audit.evidence import Evidence, EvidenceError, Row, read_evidence, status_of, write_evidence
from dita.runtime.audit.judging import Audit, AuditRefused, Question, audit, compare, questions, sample, tidy
from dita.runtime.audit.pages import write_site
from dita.runtime.audit.scaffold import scaffold
from dita.runtime.audit.summary import PAGE, markdown
from dita.runtime.audit.trees import patches, scratch
from dita.runtime.cli_report import CommandError
from dita.spec.flaws import FOLDER, Ask, catalogue, parse_chapter
from machine_profiles import commit_seed

SAMPLED = 2
SAMPLED_SECONDS_MAX = 4.0  # of processor time, when it was last asked


@pytest.fixture(scope="module")
def recorded() -> Audit:
    """The audit by what is kept in the repository."""
    return audit()


@pytest.fixture
def evidence(recorded: Audit) -> Evidence:
    """A copy of the evidence, to be damaged."""
    return Evidence(dict(recorded.evidence.rows), dict(recorded.evidence.traces))


# ---- what is recorded


def test_nothing_is_missing_and_every_name_exists(recorded: Audit) -> None:
    """Every question has a row, every patch, obligation, test and scenario is there; what is noticed once is a gap."""
    assert recorded.problems(strict=False) == []


def test_a_sample_is_borne_out_now(recorded: Audit) -> None:
    """Questions drawn by the commit are asked again, and answered as recorded."""
    drawn = sample(questions(recorded, lambda one: one.noticed), SAMPLED, commit_seed(), SAMPLED_SECONDS_MAX,
                   recorded.evidence)  # fmt: skip
    assert len(drawn) == SAMPLED
    assert [told for question in drawn for told in compare(question, recorded.evidence)] == []


def test_every_patch_of_the_audit_applies_and_is_planted() -> None:
    """One that no longer applies, or that no flaw names, would prove nothing."""
    own = {name: one for name, one in patches().items() if one.path.parent.name == "flaws"}
    named = {injection.patch for flaw in catalogue() for injection in flaw.injections}
    assert set(own) <= named
    with scratch(None) as tree:
        for defect in own.values():
            require_applicable(defect, tree)


# ---- what would be noticed


def test_losing_any_one_detection_is_noticed(recorded: Audit, evidence: Evidence) -> None:
    """Each row in turn is taken away: the audit names the flaw and the layer that was not asked."""
    asked_of = {(planted.defect.name, one.ask.layer, one.ask.what) for flaw in recorded.judged
                for planted in flaw.planted for one in planted.asked}  # fmt: skip
    assert set(evidence.rows) <= asked_of, "a row about nothing: run `dita audit --tier full`"
    for flaw in [one for one in recorded.judged if not one.flaw.open]:
        for at, one in enumerate(flaw.planted):
            for place, asked in enumerate(one.asked):
                lost = (*one.asked[:place], asked._replace(row=None, status="missing"), *one.asked[place + 1 :])
                without = replace(flaw, planted=(*flaw.planted[:at], replace(one, asked=lost), *flaw.planted[at + 1 :]))
                problems = Audit((without,), evidence).problems(strict=False)
                was = f"{flaw.flaw.id}: `{one.defect.name}` was never put to {asked.ask.layer} `{asked.ask.what}`"
                assert any(problem.startswith(was) for problem in problems)


def test_deleting_what_detects_is_noticed(evidence: Evidence, tmp_path: Path) -> None:
    """In a clone without tests, scenarios and obligations, every question that needs one is told; so is every patch."""
    there = patches()
    for flaw in catalogue():
        found = judging.judged(flaw, evidence, there, set(), tmp_path)
        for asked in [asked for planted in found.planted for asked in planted.asked]:
            if asked.ask.layer in TESTED or asked.ask.layer == "proof":
                names = asked.ask.what.split() if asked.ask.layer == "battery" else [asked.ask.what]
                assert all(any(f"`{name}`" in problem for problem in found.problems) for name in names), asked.ask
        gone = judging.judged(flaw, evidence, {}, set(), tmp_path)
        for injection in flaw.injections:
            assert f"`{injection.patch}.patch` is not under conformance/defects" in gone.problems


def test_what_changed_since_is_stale_and_covers_nothing(recorded: Audit, tmp_path: Path) -> None:
    """Another patch, another file that it touches or another test make a row stale; comments do not."""
    flaw = next(one for one in recorded.judged if one.flaw.id == "T12")
    defect, asked = flaw.planted[0].defect, flaw.planted[0].asked[0]
    assert asked.row is not None
    touched = re.findall(r"^\+\+\+ b/(\S+)", defect.path.read_text(), re.MULTILINE)
    names = [*touched, *(f"tests/{one.ask.what.partition('::')[0]}" for one in flaw.planted[0].asked)]
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes((REPOSITORY / name).read_bytes())
    kept = status_of(asked.row, defect, asked.ask, tmp_path)
    assert kept == "current"
    other = tmp_path / "other"
    for name in names:
        (other / name).parent.mkdir(parents=True, exist_ok=True)
        (other / name).write_text(f"# a comment\n{(tmp_path / name).read_text()}")
    assert status_of(asked.row, defect, asked.ask, other) == "current"
    (other / touched[0]).write_text(f"{(tmp_path / touched[0]).read_text()}\nMORE = 1\n")
    # what was read once is remembered for the process: another folder is another file
    third = tmp_path / "third"
    (other).rename(third)
    assert status_of(asked.row, defect, asked.ask, third) == "stale"
    text = defect.path.read_text()
    changed = tmp_path / defect.path.name
    changed.write_text(f"Again: {text}")
    assert status_of(asked.row, replace(defect, path=changed), asked.ask, tmp_path) == "stale"


def test_a_stale_row_is_shown_and_refuses_what_is_strict(recorded: Audit, evidence: Evidence) -> None:
    """A quick audit shows it, the gate and a release refuse it, and its flaw is not covered."""
    flaw = next(one for one in recorded.judged if one.covered)
    for asked in flaw.planted[0].asked:
        row = evidence.rows[flaw.planted[0].defect.name, asked.ask.layer, asked.ask.what]
        evidence.rows[row.key] = row._replace(files_sha256="0" * 16)
    aged = audit([flaw.flaw.id], evidence=evidence)
    assert aged.figures["stale"] == len(flaw.planted[0].asked)
    assert aged.figures["covered"] == 0
    assert aged.problems(strict=False) == []
    assert any("stale" in problem for problem in aged.problems(strict=True))


def missed(row: Row) -> Row:
    """The layer was green."""
    return row._replace(verdict="missed")


def void(row: Row) -> Row:
    """There was no answer."""
    return row._replace(verdict="void")


def unsound(row: Row) -> Row:
    """The layer is red on the sound tree, too."""
    return row._replace(sound=False)


@pytest.mark.parametrize("changed", [missed, void, unsound])
def test_an_answer_that_is_no_detection_counts_for_none(
    recorded: Audit, evidence: Evidence, changed: Callable[[Row], Row]
) -> None:
    """Missed, void, or red on the sound tree, too: the flaw is noticed by fewer, and told when that is too few."""
    flaw = next(one for one in recorded.judged if one.covered and one.layers_min == 2)
    one = min(flaw.planted, key=lambda planted: len(planted.layers))
    asked = next(asked for asked in one.asked if asked.ask.layer == one.layers[0] and asked.noticed)
    key = (one.defect.name, asked.ask.layer, asked.ask.what)
    evidence.rows[key] = changed(evidence.rows[key])
    found = audit([flaw.flaw.id], evidence=evidence)
    assert f"{flaw.flaw.id}: noticed by 1 layers, 2 are required" in found.problems(strict=False)


def test_an_answer_that_contradicts_the_record_is_told(
    recorded: Audit, evidence: Evidence, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same question again, and another answer: the audit says what was recorded and what it is now."""
    question = next(one for one in questions(recorded, lambda one: one.noticed) if one.ask.layer == "rooms")
    row = evidence.rows[question.defect.name, question.ask.layer, question.ask.what]
    answered = Answers({}), [row._replace(verdict="missed", says="not today")]

    def otherwise(_asked: list[Question], _repository: Path) -> tuple[Answers, list[Row]]:
        return answered

    monkeypatch.setattr(judging, "once", otherwise)
    (told,) = compare(question, evidence)
    assert "recorded as caught, now missed: not today" in told
    recorded_now = replace(recorded, contradicted=[told])
    assert recorded_now.problems(strict=False) == [told]


def test_a_release_is_refused_while_anything_is_stale_or_open(
    recorded: Audit, evidence: Evidence, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full signed certificate demands current evidence about every flaw; with it, nothing speaks against it."""
    flaw = next(one for one in recorded.judged if one.covered)
    sound = audit([flaw.flaw.id])
    monkeypatch.setattr(cli_checks, "audit", lambda: sound)
    cli_checks.require_audited()
    key = next(key for key in evidence.rows if key[0] == flaw.planted[0].defect.name)
    evidence.rows[key] = evidence.rows[key]._replace(patch_sha256="0")
    monkeypatch.setattr(cli_checks, "audit", lambda: audit([flaw.flaw.id], evidence=evidence))
    with pytest.raises(CommandError, match=f"{flaw.flaw.id}: 1 rows are stale"):
        cli_checks.require_audited()


# ---- what is no detection


BODIES = {
    "fails": ("    assert 1 == 2", "caught"),
    "passes": ("    assert 1 == 1", "missed"),
    "cannot_import": ("    import no_such_module", "void"),
    "hangs": ("    import time\n    time.sleep(60)", "void"),
    "raises": ("    assert nothing_of_the_sort", "caught"),
}


def test_only_a_failing_body_is_a_detection(tmp_path: Path) -> None:
    """A test that fails in its body has noticed something; one that cannot import, or hangs, has not."""
    (tmp_path / "tests" / "rooms").mkdir(parents=True)
    settings = (REPOSITORY / "pyproject.toml").read_text().replace("timeout = 120", "timeout = 2")
    (tmp_path / "pyproject.toml").write_text(settings)
    tests = "\n".join(f"def test_{name}():\n{body}\n" for name, (body, _) in BODIES.items())
    (tmp_path / "tests" / "rooms" / "test_planted.py").write_text(tests)
    asks = {name: Ask(layer="rooms", what=f"rooms/test_planted.py::test_{name}") for name in BODIES}
    told = answers(tmp_path, list(asks.values()), None).of
    assert {name: told[ask].verdict for name, ask in asks.items()} == {name: says for name, (_, says) in BODIES.items()}


def test_a_test_that_is_not_there_is_void_and_named(tmp_path: Path) -> None:
    """Asked all the same, it is no detection; and the catalogue may not name it."""
    (tmp_path / "pyproject.toml").write_bytes((REPOSITORY / "pyproject.toml").read_bytes())
    asked = Ask(layer="rooms", what="runtime/test_nowhere.py::test_it")
    assert answers(tmp_path, [asked], None).of[asked].verdict == "void"
    text = (REPOSITORY / FOLDER / "1-orders.toml").read_text()
    (flaw, *_) = parse_chapter("x", text.replace("silence-asks", "no-such-obligation"))
    found = judging.judged(flaw, Evidence(), patches(), {"rollback-is-exact"}, REPOSITORY)
    assert any("`no-such-obligation` is none" in problem for problem in found.problems)


def test_a_patch_that_does_not_apply_is_refused(tmp_path: Path) -> None:
    """As everywhere: renewed, or red."""
    path = tmp_path / "stale.patch"
    path.write_text("Words.\n--- a/README.md\n+++ b/README.md\n@@ -1 +1 @@\n-# another\n+# title\n")
    with pytest.raises(PatchRefused, match="no longer applies"), scratch(Defect("stale", path, "Words.", kernel=False)):
        pass


def test_kernel_and_reference_are_compared_without_being_named() -> None:
    """A patch of either is put to every layer that compares the two; one of the adapter to none of them."""
    there = patches()
    assert {ask.layer for ask in asks_of(there["kernel-unknown-is-rejected"], ())} == {
        "vectors", "exhaustive", "random", "lockstep",
    }  # fmt: skip
    assert asks_of(there["adapter-submit-replayed"], ()) == ()
    assert not shows_in_traffic(there["adapter-submit-replayed"])


# ---- the files


def test_what_is_written_is_read_back(evidence: Evidence, tmp_path: Path) -> None:
    """Rows and traces survive the way through the files; a line that is none is told by its number."""
    write_evidence(evidence, tmp_path)
    again = read_evidence(tmp_path)
    assert (again.rows, again.traces) == (evidence.rows, evidence.traces)
    path = tmp_path / "conformance" / "audit" / "evidence.jsonl"
    path.write_text(f"{path.read_text()}{{nonsense\n")
    with pytest.raises(EvidenceError, match=rf"evidence.jsonl:{len(evidence.rows) + 1}: "):
        read_evidence(tmp_path)


def test_what_nobody_asks_for_is_dropped(recorded: Audit, evidence: Evidence, tmp_path: Path) -> None:
    """An audit of everything keeps no row about a patch or a question that is in no entry."""
    row = next(iter(evidence.rows.values()))._replace(patch="nobodys")
    evidence.rows[row.key] = row
    tidy(replace(recorded, evidence=evidence), tmp_path)
    assert row.key not in read_evidence(tmp_path).rows
    assert len(read_evidence(tmp_path).rows) == len(evidence.rows) == len(recorded.evidence.rows)


# ---- the pages


def test_the_site_is_whole_and_asks_nobody_for_anything(recorded: Audit, tmp_path: Path) -> None:
    """An index and a page a flaw; every link leads somewhere; nothing is loaded from anywhere."""
    index = write_site(recorded, tmp_path / "flaws")
    pages = {path.name: path.read_text() for path in index.parent.iterdir()}
    assert set(pages) == {"index.html", *(f"{one.flaw.id}.html" for one in recorded.judged)}
    for name, text in pages.items():
        links = re.findall(r'(?:href|src)="([^"#]+)', text)
        assert links, name
        for link in links:
            assert link == "data:," or (index.parent / link).is_file(), (name, link)
        assert "<script" not in text
        assert "default-src 'none'" in text
    assert pages["index.html"].count('<td class="side">') == len(recorded.judged)
    assert '<svg class="trace"' in pages["S02.html"]
    assert "dita audit S02 --anew" in pages["S02.html"]


def test_the_summary_is_what_is_recorded(recorded: Audit) -> None:
    """A line a flaw, who notices it or that it is open; and the page that is kept is the one that is made now."""
    text = markdown(recorded)
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    assert len(lines) == len(recorded.judged) + 1
    assert all(line.count("|") - line.count("\\|") == 6 for line in lines)
    assert (REPOSITORY / PAGE).read_text(encoding="utf-8") == text, f"run `dita audit --markdown {PAGE}`"


# ---- growth


def test_a_new_entry_is_begun_open(tmp_path: Path) -> None:
    """`dita audit new` writes an entry that the catalogue takes, counted as open; an ID that is taken is refused."""
    (tmp_path / FOLDER).mkdir(parents=True)
    (tmp_path / FOLDER / "9-trackers.toml").write_text("# nothing yet\n")
    said = scaffold("T99", tmp_path)
    scaffold("S99", tmp_path)
    (first, second) = parse_chapter("9", (tmp_path / FOLDER / "9-trackers.toml").read_text())
    assert (first.id, second.id, bool(first.open)) == ("T99", "S99", True)
    assert "flaw-T99" in said[1]
    for wrong in ("S02", "no ID"):
        with pytest.raises(AuditRefused, match=wrong):
            scaffold(wrong, tmp_path)
