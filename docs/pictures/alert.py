"""Draws an alert as Slack shows it, from the very JSON that the tests hold: ``docs/images/slack-alert.png``.

Our own small rendering of the Block Kit blocks that sheriffwatch uses, photographed by Chromium.
"""

import html
import json
import re
import shutil
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
MESSAGE, PICTURE = ROOT / "tests/alerts/alert.json", ROOT / "docs/images/slack-alert.png"
WIDTH, HEIGHT = 640, 376
STYLE = """
body { margin: 0; padding: 18px 22px; width: 596px; background: #fff; color: #1d1c1d;
       font: 15px/1.46 Lato, "Liberation Sans", "DejaVu Sans", sans-serif; }
.from { display: flex; gap: 10px; } .face { width: 36px; height: 36px; border-radius: 8px; background: #22313f;
  color: #fff; font-weight: 700; display: grid; place-items: center; flex: none; }
.name { font-weight: 900; } .app { font-size: 10px; background: #ddd; border-radius: 2px; padding: 1px 3px; }
.said > div { margin: 6px 0; } h3 { font-size: 18px; margin: 4px 0; } a { color: #1264a3; text-decoration: none; }
.quote { border-left: 4px solid #ddd; padding-left: 12px; } .context { color: #616061; font-size: 13px; }
.actions { display: flex; gap: 8px; } .actions span { border: 1px solid #bbb; border-radius: 4px; padding: 5px 12px;
  font-weight: 700; font-size: 14px; } .actions .primary { background: #007a5a; border-color: #007a5a; color: #fff; }
"""


def page_of(message: dict[str, Any]) -> str:
    """A message's JSON as a page."""
    blocks = "".join(f"<div class={block['type']}>{_block(block)}</div>" for block in message["blocks"])
    return (
        f"<!doctype html><meta charset=utf-8><style>{STYLE}</style><div class=from><div class=face>sw</div>"
        f"<div class=said><span class=name>sheriffwatch</span> <span class=app>APP</span>{blocks}</div></div>"
    )


def _block(block: dict[str, Any]) -> str:
    kind = block["type"]
    if kind == "header":
        return f"<h3>{_text(block['text'])}</h3>"
    if kind == "section":
        return _text(block["text"])
    if kind == "context":
        return " ".join(map(_text, block["elements"]))
    if kind == "rich_text":
        return "".join(f"<div class=quote>{''.join(map(_words, part['elements']))}</div>" for part in block["elements"])
    if kind == "actions":
        return "".join(map(_button, block["elements"]))
    raise ValueError(f"no drawing for a block of the type {kind}")


def _words(element: dict[str, Any]) -> str:
    shown = html.escape(element["text"])
    return f"<b>{shown}</b>" if element.get("style", {}).get("bold") else shown


def _button(element: dict[str, Any]) -> str:
    if element["type"] == "static_select":
        return f"<span>{_text(element['placeholder'])} ▾</span>"
    return f"<span class={element.get('style', 'plain')}>{_text(element['text'])}</span>"


def _text(value: dict[str, Any]) -> str:
    """A text object. ``mrkdwn`` comes escaped for Slack, which for these three characters is what HTML wants, too."""
    if value["type"] == "plain_text":
        return html.escape(value["text"]).replace("\n", "<br>")
    shown = re.sub(r"<!date\^(\d+)\^[^|>]*\|[^>]*>", lambda found: _moment(int(found[1])), value["text"])
    shown = re.sub(r"<(https?://[^|>]+)\|([^>]*)>", r'<a href="\1">\2</a>', shown)
    return re.sub(r"(?<!\u200b)\*([^*\n]+)\*", r"<b>\1</b>", shown).replace("\n", "<br>")


def _moment(stamp: int) -> str:
    at = datetime.fromtimestamp(stamp, UTC)
    return f"{at:%b} {at.day}, {at:%H:%M}"


def main() -> int:
    """Draw the picture. 1 when there is no Chromium to draw it with."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if browser is None:
        print("pictures: no Chromium here (apt-get install chromium); the alert was not drawn.", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as scratch:
        page = Path(scratch) / "alert.html"
        page.write_text(page_of(json.loads(MESSAGE.read_text("utf-8"))), "utf-8")
        subprocess.run(  # noqa: S603  the browser that was found, and a page of our own
            [
                *(browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"),
                *(f"--user-data-dir={scratch}/profile", f"--window-size={WIDTH},{HEIGHT}"),
                *(f"--screenshot={PICTURE}", page.as_uri()),
            ],
            check=True,
            capture_output=True,
            timeout=120,
        )
    print(f"{PICTURE.relative_to(ROOT)} drawn.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
