"""``sheriffwatch explain`` and what ``sheriffwatch classifier`` does with texts: score, evaluate, train, card."""

import itertools
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import typer
from rich.text import Text

import classifier
from classifier import Classifier, CorpusError, Report, ScoreValues, SemanticError, TrainingError
from classifier import report as classifier_report
from models.clock import utcnow
from monitor.cli import app
from monitor.cli.common import (
    ConfigOption,
    JsonOption,
    Workspace,
    err,
    out,
    plain,
    print_json,
    print_table,
    shorten,
    workspace,
)
from monitor.errors import SheriffwatchError, UsageError
from monitor.learning import promotion
from monitor.telling import marked, named
from monitor.versions import Active, active, load

group = typer.Typer(help="The trained classifiers: what they say, how good they are, which is on duty.")
app.add_typer(group, name="classifier")

VersionOption = Annotated[
    str, typer.Option("--version", help="A version of “classifier list”. Default: the one on duty.")
]
ByOption = Annotated[str, typer.Option("--by", help="Who does this, for the log. Default: your login name.")]
_BATCH = 256
_STRONGEST = 12
_FAINT = 1
"""The level of words that tell little: in brackets there would be nothing else."""


@app.command("explain")
def explain(
    text: Annotated[str, typer.Argument(metavar="TEXT", help="The text; “-” reads standard input.")],
    version: VersionOption = "",
    config: ConfigOption = None,
    json_: JsonOption = False,
) -> None:
    """How probable it is that a text matches the codebook, its themes, and the words that pushed it."""
    if text == "-":
        text = sys.stdin.buffer.read().decode("utf-8", "replace")
    with workspace(config) as space:
        duty = chosen(space, version)
    value = duty.classifier.explain(text)
    if json_:
        print_json({"version": duty.version, **_decision(duty, value), **value.to_dict()})
        return
    verdict = "alert" if value.probability >= duty.alert_threshold else "queue" if _flagged(duty, value) else "no flag"
    out.print(
        f"{value.probability:.3f} by {duty.version}: {verdict} "
        f"(queue from {duty.queue_threshold:.2f}, alert from {duty.alert_threshold:.2f})",
        markup=False,
    )
    out.print(f"Themes: {', '.join(value.theme_list) or 'none'}. Reasons: {', '.join(value.reasons)}.", markup=False)
    if value.passage:
        out.print(f"Most telling: {plain(shorten(text[slice(*value.passage)], 300))}", markup=False)
    out.print(_marked(text, value))
    strongest, rest = value.contributions[:_STRONGEST], value.contributions[_STRONGEST:]
    shares: list[tuple[float, str, str]] = [(c.weight, c.kind, named(c.kind, c.name)) for c in strongest]
    if rest:
        shares.append((sum(c.weight for c in rest), "", f"the other {len(rest)} (--json lists them)"))
    shares.append((value.decision, "", f"together; as a probability {value.probability:.3f}"))
    print_table(
        "What pushed it (log-odds; above zero towards a match)",
        ["weight", "kind", "what"],
        ((f"{weight:+.2f}", kind, what) for weight, kind, what in shares),
    )


@group.command("score")
def score(
    file: Annotated[Path, typer.Argument(help="JSON lines with “text” and perhaps “id”; “-” reads standard input.")],
    version: VersionOption = "",
    config: ConfigOption = None,
) -> None:
    """Score texts: one JSON line out for each line in. A line that cannot be used is named; the others go on."""
    with workspace(config) as space:
        duty = chosen(space, version)
    bad = 0
    batch: list[tuple[Any, str]] = []
    with _opened(file) as stream:
        for number, line in enumerate(stream, 1):
            if not line.strip():
                continue
            try:
                batch.append(_scorable(line, number))
            except ValueError as error:
                bad += 1
                err.print(f"{file}, line {number}: {error}", markup=False, soft_wrap=True)
            if len(batch) == _BATCH:
                _print_scores(duty, batch)
                batch.clear()
    _print_scores(duty, batch)
    if bad:
        raise typer.Exit(1)


@group.command("evaluate")
def evaluate(
    file: Annotated[Path, typer.Argument(help="JSON lines, CSV or TSV with “text” and “label” (1 or 0).")],
    version: VersionOption = "",
    report_file: Annotated[
        Path | None, typer.Option("--report", help="Write the report there: .html with plots, .md or .json.")
    ] = None,
    config: ConfigOption = None,
    json_: JsonOption = False,
) -> None:
    """How good a version is on labelled texts, with intervals."""
    with workspace(config) as space:
        duty = chosen(space, version)
    try:
        rows = list(classifier.read_rows(file))
        if not rows:
            raise UsageError(f"{file} holds no labelled text.")
        report = classifier.evaluate(with_thresholds(duty), rows)
    except CorpusError as error:
        raise UsageError(f"{error}.") from None
    if report_file:
        _write_report(report, report_file)
    if json_:
        print_json(report.to_dict())
    else:
        out.print(classifier_report.as_terminal(report))


@group.command("train")
def train(
    corpus: Annotated[Path | None, typer.Option(help="A folder of corpus files. Default: the bundled corpus.")] = None,
    seed: Annotated[int, typer.Option(help="The same examples and seed give the same version.")] = 1,
    semantic: Annotated[
        bool | None,
        typer.Option(help="With sentence embeddings, the extra [semantic]. Default: as [learning] semantic says."),
    ] = None,
    by: ByOption = "",
    config: ConfigOption = None,
    json_: JsonOption = False,
) -> None:
    """Train a candidate from the corpus alone. “classifier promote” puts it on duty."""
    with workspace(config) as space:
        try:
            examples = classifier.load_corpus(corpus) if corpus else classifier.load_corpus()
            trained = classifier.train(examples, seed=seed, encoder=promotion.encoder(space.config, semantic))
        except (CorpusError, TrainingError, SemanticError) as error:
            raise SheriffwatchError(f"{error}.") from None
        row = promotion.keep_candidate(
            space.db, space.config, trained, by=by or promotion.login(), now=utcnow(), reason="trained from the corpus"
        )
    if json_:
        print_json({"version": row.version, "path": row.path, "sha256": row.sha256, "examples": len(examples)})
    else:
        out.print(f"{row.version}: a candidate from {len(examples)} examples, at {row.path}.", markup=False)


@group.command("card")
def card(
    version: Annotated[str, typer.Argument(metavar="VERSION")] = "",
    config: ConfigOption = None,
    json_: JsonOption = False,
) -> None:
    """What a version is for, what it learned from, how good it is and where it fails, in Markdown."""
    with workspace(config) as space:
        loaded = with_thresholds(chosen(space, version))
    reports = {
        "frozen set": classifier.evaluate(loaded, classifier.load_frozen()),
        "functional suite": classifier.evaluate(loaded, classifier.load_functional()),
    }
    if json_:
        about = dict(loaded.weights.about)
        figures = {name: report.figures for name, report in reports.items()}
        print_json({"version": loaded.version, "sha256": loaded.sha256, "about": about, "figures": figures})
    else:
        sys.stdout.write(classifier.card(loaded, reports))


def chosen(space: Workspace, version: str) -> Active:
    """The named version, or the one on duty. Raises SheriffwatchError when there is no such version."""
    duty = active(space.db, space.config)
    if not version or version == duty.version:
        return duty
    with space.db.read() as session:
        return load(promotion.get(session, version), space.config)


def with_thresholds(duty: Active) -> Classifier:
    """The classifier as it decides here: with the thresholds in force."""
    return promotion.at_thresholds(duty.classifier, duty.queue_threshold, duty.alert_threshold)


def _write_report(report: Report, file: Path) -> None:
    forms = {
        ".html": classifier_report.as_html,
        ".md": classifier_report.as_markdown,
        ".json": classifier_report.as_json,
    }
    if file.suffix not in forms:
        raise UsageError(f"{file}: a report is written as {', '.join(forms)}; give it one of these endings.")
    try:
        file.write_text(forms[file.suffix](report), "utf-8")
    except OSError as error:
        raise SheriffwatchError(f"{file} cannot be written: {error.strerror}.") from None


def _marked(text: str, value: ScoreValues) -> Text:
    """The text with what tells most in brackets, in bold where the terminal can."""
    line = Text("Marked: ")
    pieces = marked(text, value.to_dict()["contributions"])
    for strong, group in itertools.groupby(pieces, key=lambda piece: piece.level > _FAINT):
        words = plain("".join(piece.text for piece in group))
        line.append(f"[{words}]" if strong else words, style="bold" if strong else "")
    return line


def _flagged(duty: Active, value: ScoreValues) -> bool:
    return value.probability >= duty.queue_threshold


def _decision(duty: Active, value: ScoreValues) -> dict[str, Any]:
    return {"flagged": _flagged(duty, value), "alert": value.probability >= duty.alert_threshold}


@contextmanager
def _opened(file: Path) -> Iterator[BinaryIO]:
    if str(file) == "-":
        yield sys.stdin.buffer
        return
    try:
        stream = file.open("rb")
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}.") from None
    with stream:
        yield stream


def _scorable(line: bytes, number: int) -> tuple[Any, str]:
    """The id and the text of one line. Raises ValueError with what is wrong."""
    try:
        value = json.loads(line.decode("utf-8-sig" if number == 1 else "utf-8"))
    except UnicodeDecodeError:
        raise ValueError("is not UTF-8 text.") from None
    except (ValueError, RecursionError):
        raise ValueError("is not JSON.") from None
    if not isinstance(value, dict) or not isinstance(value.get("text"), str):
        raise ValueError("needs “text”, a string.")
    return value.get("id", number), value["text"]


def _print_scores(duty: Active, batch: list[tuple[Any, str]]) -> None:
    for (id_, _), value in zip(batch, duty.classifier.score([text for _, text in batch]), strict=True):
        line = {
            "id": id_,
            "probability": value.probability,
            **_decision(duty, value),
            "themes": list(value.theme_list),
            "reasons": list(value.reasons),
            "lang": value.lang,
            "passage": list(value.passage) if value.passage else None,
            "disguise": list(value.disguise),
        }
        sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()
