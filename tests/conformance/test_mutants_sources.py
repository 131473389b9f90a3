"""What evidence about mutants depends on."""

from pathlib import Path

from dita.conformance.mutants.sources import rest_of


def test_evidence_depends_on_code_and_not_on_tests(tmp_path: Path) -> None:
    """A module of tests is no part of what a trial of the kernel runs, nor the line that names it; any other is."""

    def rest(name: str, code: str, tests: str, more: str = "") -> str:
        source = tmp_path / name / "kernel_rs" / "src"
        source.mkdir(parents=True)
        (source / "lib.rs").write_text(f"mod code;\n#[cfg(test)]\nmod checks;\n{more}")
        (source / "code.rs").write_text(code)
        (source / "checks.rs").write_text(tests)
        return rest_of("kernel", tmp_path / name)

    before = rest("a", "fn f() {}", "fn t() {}")

    assert rest("b", "fn f() {}  // more", "fn u() {}", "#[cfg(test)]\nmod other;\n") == before
    assert rest("c", "fn g() {}", "fn t() {}") != before
