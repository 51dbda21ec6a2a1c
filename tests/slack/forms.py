"""The forms that Slack takes: limits of messages and views (docs.slack.dev/reference/block-kit)."""

from typing import Any

SECTION, HEADER, CONTEXT, BLOCKS, TOTAL, TEXT = 3000, 150, 10, 50, 13_200, 40_000


def faults_of(body: dict[str, Any]) -> str:
    """What Slack would say of a message's form; empty when it would take it."""
    text, blocks = body.get("text") or "", body.get("blocks") or []
    if not text and not blocks:
        return "no_text"
    if len(text) > TEXT:
        return "msg_too_long"
    if len(blocks) > BLOCKS or not all(_sound(block) for block in blocks):
        return "invalid_blocks"
    ids = [block["block_id"] for block in blocks if "block_id" in block]
    if len(ids) != len(set(ids)):
        return "invalid_blocks"
    return "msg_blocks_too_long" if sum(len(part) for part in texts_of(blocks)) > TOTAL else ""


def view_faults_of(view: dict[str, Any]) -> str:
    """What is wrong with a modal; empty when Slack would open it."""
    if view.get("type") != "modal":
        return "type"
    for part in ("title", "submit", "close"):
        if part in view and not 0 < len(view[part]["text"]) <= 24:
            return part
    if len(view.get("private_metadata", "")) > 3000:
        return "private_metadata"
    blocks = view.get("blocks") or []
    if not 0 < len(blocks) <= 100:
        return "blocks"
    if any(block["type"] == "input" for block in blocks) and "submit" not in view:
        return "submit"
    return next((str(block) for block in blocks if not _sound(block)), "")


def texts_of(value: Any) -> list[str]:
    """Every text a reader sees in blocks."""
    if isinstance(value, dict):
        return [
            text
            for key, item in value.items()
            for text in ([item] if key == "text" and isinstance(item, str) else texts_of(item))
        ]
    return [text for item in value for text in texts_of(item)] if isinstance(value, list) else []


def _sound(block: dict[str, Any]) -> bool:
    if len(block.get("block_id", "")) > 255:
        return False
    kind = block.get("type")
    if kind == "header":
        return block["text"]["type"] == "plain_text" and 0 < len(block["text"]["text"]) <= HEADER
    if kind == "section":
        fits = "accessory" not in block or _element(block["accessory"])
        return fits and 0 < len(block["text"]["text"]) <= SECTION
    if kind == "context":
        return 0 < len(block["elements"]) <= CONTEXT
    if kind == "actions":
        elements = block["elements"]
        ids = [element["action_id"] for element in elements]
        return 0 < len(elements) <= 25 and len(set(ids)) == len(ids) and all(map(_element, elements))
    if kind == "input":
        return 0 < len(block["label"]["text"]) <= 2000 and _element(block["element"])
    if kind == "rich_text":
        return bool(block["elements"]) and all(map(_rich, block["elements"]))
    if kind == "image":
        return 0 < len(block.get("alt_text", "")) <= 2000 and ("image_url" in block) != ("slack_file" in block)
    return kind == "divider"


def _rich(element: dict[str, Any]) -> bool:
    if element["type"] == "rich_text_list":
        return element["style"] in ("bullet", "ordered") and all(map(_rich, element["elements"]))
    if element["type"] not in ("rich_text_section", "rich_text_quote") or not element["elements"]:
        return False
    return all(
        part["type"] in ("text", "link")
        and len(part["text"]) > 0
        and (part["type"] == "text" or part["url"].startswith("http"))
        for part in element["elements"]
    )


def _element(element: dict[str, Any]) -> bool:
    if not 0 < len(element.get("action_id", "")) <= 255 or len(element.get("value", "")) > 2000:
        return False
    kind = element["type"]
    if kind == "button":
        return 0 < len(element["text"]["text"]) <= 75
    if kind in ("static_select", "checkboxes", "radio_buttons"):
        most = 100 if kind == "static_select" else 10
        options = element["options"]
        initial = element.get("initial_options") or [element.get("initial_option") or options[0]]
        return (
            0 < len(options) <= most
            and all(0 < len(o["text"]["text"]) <= 75 and 0 < len(o["value"]) <= 150 for o in options)
            and all(chosen in options for chosen in initial)
        )
    if kind == "plain_text_input":
        return len(element.get("initial_value", "")) <= element.get("max_length", 3000) <= 3000
    return kind == "url_text_input"
