"""``dita prove``: verdicts and figures, coverage, a planted defect shown, pages, and solvers that fail."""

import json
import os
import subprocess
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from typer.testing import CliRunner

from command import dita
from dita.conformance.prove.break_all import Kill
from dita.conformance.prove.coverage import Coverage
from dita.conformance.prove.killers import KILLERS
from dita.conformance.prove.proof import ProveReport, conclude, everything
from dita.conformance.prove.proxies import Unsupported
from dita.runtime import proof_commands
from dita.runtime.cli import app
from dita.spec import inputs
from dita.spec.trace import parse_trace
from dita.spec.vocabulary import Kind, Mode
from proof_runs import proved_run

PLANTED = "Z9"  # no clause, and not cited as one
FIGURES = {
    "invariants", "paths", "obligations", "proved", "refuted", "unknown", "vacuous", "solvers", "second_opinions",
    "disagreements", "solver_versions", "seeds", "executor_pairs", "executor_mismatches",
}  # fmt: skip


def prove(folder: Path, *arguments: str, seconds: int = 110, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a folder."""
    path = os.pathsep.join(filter(None, (environment.pop("PYTHONPATH", ""), os.environ.get("PYTHONPATH", ""))))
    return dita(folder, "prove", *arguments, seconds=seconds, PYTHONPATH=path, **environment)


@pytest.fixture
def runner(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> CliRunner:
    """The command in this process, in a folder of its own, with a wide terminal and without hunting for long."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr(proof_commands, "HUNT_SECONDS", 0.1)
    return CliRunner()


def plant_run(monkeypatch: pytest.MonkeyPatch, report: ProveReport) -> None:
    """The proof's result without the proof."""

    def run(*arguments: object) -> ProveReport:
        return report

    def never(*arguments: object) -> None:
        return None

    monkeypatch.setattr(proof_commands, "run_prove", run)
    monkeypatch.setattr(proof_commands, "proved_before", never)


def read(path: Path) -> ET.Element:
    """A page as XML; one that is not well-formed raises."""
    return ET.fromstring(path.read_text(encoding="utf-8"))  # noqa: S314 - we wrote it


# --- a run ----------------------------------------------------------------------------------------------------------


@pytest.mark.unmeasured
@pytest.mark.timeout(900)
def test_the_reference_is_proved_and_the_readme_shows_it(tmp_path: Path, repository: Path) -> None:
    """The quick tier without kept results (45 CPU seconds): status 0, and no line that the README shows is stale."""
    done = prove(tmp_path, seconds=800)

    assert done.returncode == 0, done.stdout + done.stderr
    shown = (repository / "README.md").read_text(encoding="utf-8").split("it is part of `make test`")[1].split("```")[1]
    lines = [line.strip() for line in shown.removeprefix("text").splitlines() if line.strip()]
    assert {"│ refuted", "│ unknown", "│ vacuous", "│ solvers"} <= {line[:9] for line in lines}
    printed = {line.strip() for line in done.stdout.splitlines()}
    assert [line for line in lines if line not in printed] == [], done.stdout


def test_a_proved_run_is_status_0_with_one_row_an_obligation(
    runner: CliRunner, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Every obligation stands in the table, the figures are written with the solvers' names and versions."""
    plant_run(monkeypatch, proved_run())

    done = runner.invoke(app, ["prove", "--json", "out.json"])

    assert done.exit_code == 0, done.output
    rows = {line.split()[0]: line for line in done.output.splitlines() if line.strip()}
    assert {item.id for item in everything()} <= set(rows)
    assert all(word in rows["mode-is-obeyed"] for word in ("core", "proved", "yes", " 1"))
    assert "yes" not in rows["others-untouched"]  # witnesses are for what is proved path by path
    document = json.loads((tmp_path / "out.json").read_text())
    assert (document["command"], document["ok"]) == ("prove", True)
    figures = document["figures"]
    assert set(figures) == FIGURES
    assert figures["invariants"] == figures["proved"] == len(everything()) >= 40
    assert (figures["refuted"], figures["unknown"], figures["vacuous"], figures["solvers"]) == (0, 0, 0, 2)
    assert set(figures["solver_versions"]) == {"z3", "cvc5"}
    assert all(version[0].isdigit() for version in figures["solver_versions"].values())


def test_a_proof_that_still_stands_is_read_back(runner: CliRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second run proves nothing and says so; --anew proves again."""
    calls: list[str] = []

    def counted(*arguments: object) -> ProveReport:
        calls.append("proved")
        return proved_run()

    monkeypatch.setattr(proof_commands, "run_prove", counted)
    first = runner.invoke(app, ["prove"])
    second = runner.invoke(app, ["prove"])
    third = runner.invoke(app, ["prove", "--anew"])

    assert [first.exit_code, second.exit_code, third.exit_code] == [0, 0, 0]
    assert len(calls) == 2
    assert "read back" in second.output
    assert "read back" not in first.output + third.output


def test_a_refuted_run_is_status_1_with_a_trace(
    runner: CliRunner, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The obligation is named, the state and the input are shown and left as a trace that can be edited."""
    plant_run(monkeypatch, proved_run("mode-is-obeyed"))

    done = runner.invoke(app, ["prove", "--json", "out.json"])

    assert done.exit_code == 1
    assert "mode-is-obeyed: refuted by SET_MODE" in done.output
    assert '"mode": "HALTED"' in done.output
    assert "not confirmed" in done.output  # the code of this process is sound
    trace = parse_trace((tmp_path / "out" / "prove" / "mode-is-obeyed.trace").read_text().splitlines())
    assert trace.inputs == (inputs.set_mode(Mode.HALTED),)
    document = json.loads((tmp_path / "out.json").read_text())
    assert (document["ok"], document["figures"]["refuted"]) == (False, 1)


@pytest.mark.parametrize("verdict", ["unknown", "vacuous"])
def test_unknown_and_vacuous_are_failures(verdict: str, runner: CliRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    """A solver that gave up, or an obligation that says nothing anywhere: status 1, by name."""
    report = proved_run()
    report.rows["mode-is-obeyed"].unknown = verdict == "unknown"
    report.rows["mode-is-obeyed"].paths = 0 if verdict == "vacuous" else 3
    conclude(report, "")
    plant_run(monkeypatch, report)

    done = runner.invoke(app, ["prove"])

    assert done.exit_code == 1
    assert f"mode-is-obeyed: {verdict}" in done.output


@pytest.mark.parametrize(
    ("raised", "says"),
    [
        (BrokenProcessPool("a child ended"), "a solver failed in the middle of the proof (BrokenProcessPool"),
        (RuntimeError("cvc5 said `(error)`"), "RuntimeError: cvc5 said"),
        (Unsupported("`case` of a thing"), "the executor cannot run this honestly"),
    ],
)
def test_a_solver_that_crashes_on_the_way_is_a_named_failure(
    raised: BaseException, says: str, runner: CliRunner, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Status 1, one message, and figures that claim nothing."""

    def fails(*arguments: object) -> ProveReport:
        raise raised

    monkeypatch.setattr(proof_commands, "run_prove", fails)
    done = runner.invoke(app, ["prove", "--json", "out.json"])

    assert done.exit_code == 1
    assert says in " ".join(done.output.split())
    document = json.loads((tmp_path / "out.json").read_text())
    assert (document["ok"], document["figures"]["proved"]) == (False, 0)


@pytest.mark.parametrize(
    ("code", "says"),
    [("raise ImportError('planted')", "the solver cvc5 failed: ImportError: planted; install it anew"),
     ("import os; os.abort()", "the solver cvc5 crashed with signal 6")],
)  # fmt: skip
def test_a_missing_or_crashing_solver_is_a_named_failure(code: str, says: str, tmp_path: Path) -> None:
    """Status 1 and the next step, no traceback; the figures are written and claim nothing."""
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "cvc5.py").write_text(f"{code}\n")

    done = prove(tmp_path, "--json", "out.json", PYTHONPATH=str(tmp_path / "bad"))

    assert done.returncode == 1, done.stderr
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    document = json.loads((tmp_path / "out.json").read_text())
    assert (document["ok"], document["figures"]["solvers"]) == (False, 0)


@pytest.mark.parametrize("command", ["conform", "certify", "explore"])
def test_a_missing_library_is_told_by_every_command_that_needs_it(command: str, tmp_path: Path) -> None:
    """Status 2, the library and the next step; no traceback, and nothing written."""
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "cvc5.py").write_text("raise ImportError('planted')\n")

    done = dita(tmp_path, command, PYTHONPATH=str(tmp_path / "bad"))

    assert done.returncode == 2, done.stdout + done.stderr
    assert "a library cannot be imported (planted); make the environment anew" in done.stderr
    assert "Traceback" not in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["bad"]


# --- the list -------------------------------------------------------------------------------------------------------


def test_the_list_has_every_obligation_and_no_gap(tmp_path: Path) -> None:
    """Status 0; obligations, clauses and questions are printed, and nothing is uncovered."""
    done = prove(tmp_path, "--list", "--json", "list.json")

    assert done.returncode == 0, done.stderr
    assert all(f" {item.id} " in done.stdout for item in everything())
    for text in (" no phantom close ", " unknown is not rejected ", " K5 ", "tests/kernel/test_kernel_loader.py"):
        assert text in done.stdout
    figures = json.loads((tmp_path / "list.json").read_text())["figures"]
    assert (figures["gaps"], figures["obligations"]) == (0, len(everything()))


def test_a_gap_is_red(runner: CliRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    """A planted clause without an obligation: status 1, and it is named."""

    def gap(obligations: object) -> Coverage:
        return Coverage({PLANTED: ()}, {"nobody asks": ()}, (f"clause {PLANTED}: no obligation covers it",))

    monkeypatch.setattr(proof_commands, "coverage", gap)

    done = runner.invoke(app, ["prove", "--list"])

    assert done.exit_code == 1
    assert f"clause {PLANTED}: no obligation covers it" in done.output
    assert "nothing" in done.output


# --- a planted defect -----------------------------------------------------------------------------------------------


def test_a_planted_defect_is_shown(tmp_path: Path, repository: Path) -> None:
    """Status 1; what it breaks, from where, by which input, confirmed by running it; the trace can be edited.

    The README shows lines of this very output.
    """
    done = prove(tmp_path, "--break", "cancel-is-about-its-order", "--json", "out.json")

    assert done.returncode == 1, done.stdout + done.stderr
    assert "CANCEL of an unresolved order cancels it instead of asking for it (clause X4)" in done.stdout
    assert "without the defect: ACCEPTED OK RESOLVE" in done.stdout
    assert "confirmed: the code, run on this, breaks the predicate" in done.stdout
    assert "refuted by the planted defect `proof-unresolved-order-cancelled`" in done.stderr
    shown = (repository / "README.md").read_text(encoding="utf-8").split("```text\nplanted: ")[1].split("```")[0]
    lines = f"planted: {shown}".splitlines()
    assert len(lines) > 4
    assert [line for line in lines if line not in done.stdout + done.stderr] == []
    trace = parse_trace((tmp_path / "out" / "prove" / "cancel-is-about-its-order.trace").read_text().splitlines())
    assert [event.kind for event in trace.inputs] == [Kind.CANCEL]
    document = json.loads((tmp_path / "out.json").read_text())
    assert (document["ok"], document["figures"]["refuted"], document["figures"]["confirmed"]) == (False, 1, 1)


@pytest.mark.parametrize(("problem", "status"), [("", 0), ("`mode-is-obeyed` is not refuted", 1)])
def test_all_planted_defects_are_one_table(
    problem: str, status: int, runner: CliRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Status 0 when each obligation is refuted by its defect; one that survives is named and is status 1."""

    def kills(_: object) -> list[Kill]:
        known = Kill("silence-asks", "one", "SILENT", kept=True)
        return [known, Kill("mode-is-obeyed", "two", "SET_MODE", problem=problem)]

    monkeypatch.setattr(proof_commands, "break_all", kills)

    done = runner.invoke(app, ["prove", "--break", "all", "--json", "out.json"])

    assert done.exit_code == status, done.output
    assert problem in done.output
    figures = json.loads(Path("out.json").read_text())["figures"]
    assert figures == {"obligations": 2, "refuted": 2 - status, "survived": status, "read_back": 1}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--break", "nobody"], "--break: `nobody` is no obligation; `dita prove --list` names them"),
        (["--break", "nobody", "--list"], "--list and --break are two commands; give one of them"),
        (["--html", "pages", "--list"], "--html: the pages are about a whole run"),
        (["--html", "file"], "--html: `file` is no folder"),
        (["--tier", "huge"], "--tier"),
        (["--seed", "-1"], "--seed"),
    ],
)
def test_bad_input_is_one_message_and_status_2(arguments: list[str], says: str, tmp_path: Path) -> None:
    """What is wrong and what to do, no traceback, and nothing was begun."""
    (tmp_path / "file").write_text("text")
    done = prove(tmp_path, *arguments)

    assert done.returncode == 2, done.stdout + done.stderr
    assert says in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()


# --- pages ----------------------------------------------------------------------------------------------------------


def test_the_pages_have_every_obligation(runner: CliRunner, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A page each: well-formed, linked from the index, with sentence, predicate and defect; nothing from outside."""
    plant_run(monkeypatch, proved_run("mode-is-obeyed"))

    done = runner.invoke(app, ["prove", "--html", "pages/proof"])

    folder = tmp_path / "pages" / "proof"
    assert "pages: pages/proof/index.html" in done.output
    assert {path.name for path in folder.iterdir()} == {"index.html", *(f"{item.id}.html" for item in everything())}
    index = read(folder / "index.html")
    links = {link.get("href") for link in index.iter("a")}
    for item in everything():
        page = read(folder / f"{item.id}.html")
        text = " ".join(page.itertext())
        assert f"{item.id}.html" in links
        assert " ".join(item.says.split()) in " ".join(text.split())
        assert not item.source or item.source.splitlines()[0] in text
        killer = KILLERS.get(item.id)
        assert killer is None or f"{killer.defect}.patch" in text
        outside = [part.get(name) for part in page.iter() for name in ("src", "href") if part.get(name)]
        assert all(str(target).startswith("index.html") or target in links for target in outside)
    refuted = " ".join((folder / "mode-is-obeyed.html").read_text().split())
    assert "Counterexample" in refuted
    assert "breaks mode-is-obeyed" not in refuted  # the sound code of this process does not
    assert "Counterexample" not in (folder / "others-untouched.html").read_text()


def test_a_page_escapes_what_it_shows(runner: CliRunner, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A note that looks like markup is text."""
    report = proved_run()
    report.rows["others-untouched"].note = "<script>alert(1)</script> & more"
    conclude(report, "")
    plant_run(monkeypatch, report)

    runner.invoke(app, ["prove", "--html", "pages"])

    page = (tmp_path / "pages" / "others-untouched.html").read_text()
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; more" in page
    assert read(tmp_path / "pages" / "others-untouched.html").tag == "html"
