"""Who may import whom, read from the source."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

# A place (longest prefix wins) and what it may import of ours. A new folder gets its row here.
MAY_IMPORT = {
    "models": {"models"},
    "classifier": {"classifier"},
    "monitor": {"models", "classifier", "monitor"},
    "monitor.errors": set(),
    "monitor.http": {"monitor", "monitor.http", "monitor.errors", "monitor.feedparse"},
    "monitor.feedparse": {"monitor.errors", "monitor.feedparse"},
    "monitor.sources": {"models.post", "models.clock", "monitor.errors", "monitor.http", "monitor.sources"},
    "monitor.alerts": {"monitor.errors", "monitor.alerts"},
    "monitor.sample": {"monitor.sample"},
}
OUTER = ("monitor.__main__", "monitor.cli", "monitor.schedule", "monitor.slack", "monitor.web")
"""The outer ring: only it imports itself, beside the program's entry."""


def modules():
    for package in ("models", "classifier", "monitor"):
        for file in sorted((ROOT / package).rglob("*.py")):
            if "migrations" in file.parts:
                continue
            parts = file.relative_to(ROOT).with_suffix("").parts
            yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), file


def imports_of(file, name):
    package = name if file.name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                base = ".".join(
                    package.split(".")[: len(package.split(".")) - node.level + 1] + ([base] if base else [])
                )
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names if (ROOT / base.replace(".", "/")).is_dir())


def within(name, places):
    return any(name == place or name.startswith(place + ".") for place in places)


@pytest.mark.parametrize(("name", "file"), list(modules()), ids=lambda value: value if isinstance(value, str) else "")
def test_every_module_imports_only_inwards(name, file):
    place = max((place for place in MAY_IMPORT if within(name, [place])), key=len)
    allowed = MAY_IMPORT[place]
    for imported in imports_of(file, name):
        if imported.split(".")[0] not in ("models", "classifier", "monitor"):
            continue
        if within(imported, OUTER):
            assert within(name, OUTER), f"{name} imports {imported}: nobody imports the outer ring"
        if imported == "monitor":
            continue  # the package itself: its version
        assert within(imported, allowed), f"{name} may not import {imported}"


def test_the_test_of_layers_would_notice_a_breach(tmp_path):
    file = tmp_path / "bad.py"
    file.write_text("from monitor.http import Web\n")
    assert "monitor.http" in set(imports_of(file, "classifier.bad"))
    assert not within("monitor.http", MAY_IMPORT["classifier"])
