"""The README's commands run as they stand, and its links lead somewhere."""

import re
import shlex
from pathlib import Path

import pytest

from monitor import cli

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text("utf-8")


def commands():
    for block in re.findall(r"```console\n(.*?)```", README, re.DOTALL):
        yield from (line for line in block.splitlines() if line.startswith("sheriffwatch "))


def test_the_ten_lines_to_the_first_alert_run_as_they_stand(server, tmp_path, monkeypatch, capsys):
    server.rename_handle("pinon", "sheriff.example.gov")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SHERIFFWATCH__SOURCES__BLUESKY__APPVIEW", server.url)
    monkeypatch.setenv("SHERIFFWATCH__HTTP__ALLOW_PRIVATE", f'["127.0.0.1:{server.port}"]')
    monkeypatch.setenv("SHERIFFWATCH__POLL__ALERT_ON_BACKFILL", "true")
    lines = list(commands())
    assert len(lines) == 10
    said = ""
    for line in lines:
        code = cli.run(shlex.split(line)[1:])
        captured = capsys.readouterr()
        said += captured.out + captured.err
        assert code == 0, f"{line}\n{captured.out}{captured.err}"
    assert "New match: Example County Sheriff" in said
    assert (tmp_path / "flagged.csv").read_text("utf-8").count("\n") > 1


@pytest.mark.parametrize("file", [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))], ids=lambda f: f.name)
def test_every_link_to_a_file_leads_somewhere(file):
    for target in re.findall(r"\]\(([^)#]+)", file.read_text("utf-8")):
        if not target.startswith(("http://", "https://", "mailto:")):
            assert (file.parent / target).exists(), f"{file.name} links to {target}, which is not there"


def test_the_commands_of_make_stand_in_the_makefile():
    made = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"^make ([a-z-]+)", README, re.MULTILINE))
    assert named <= made


def test_the_reference_of_the_commands_says_what_the_program_says():
    import runpy

    written = runpy.run_path(str(ROOT / "docs" / "commands.py"))["page"]()
    assert (ROOT / "docs" / "reference" / "commands.md").read_text("utf-8") == written, "run “make reference”"
