"""What a program that shows Markdown would make of a text, by a parser that others wrote."""

import re

from markdown_it import MarkdownIt

OURS = ("https://a.example/", "https://bsky.app/", "https://watch.example.org/")
"""Addresses that the test's messages may link to."""
_ALLOWED = {"paragraph", "inline", "text", "softbreak", "hardbreak", "strong", "blockquote", "link", "s"}
_CALLS = re.compile(r"(?<!\w)@\w|<[@#!:/]|(?<![\w~])~[a-z]|(?<!\w)#\w|:[a-z0-9_+-]+:|\w+://|\bwww\.|<t:", re.IGNORECASE)


def live_in_markdown(text: str, ours: tuple[str, ...] = OURS, own: str = r"$^") -> list[str]:
    """Links to elsewhere, kinds of markup we never use, and what programs look for besides Markdown. ``own`` is a
    pattern of what is ours and not foreign.
    """
    found = []
    for token in _walk(MarkdownIt("commonmark").enable(["strikethrough", "table"]).parse(text)):
        kind = token.type.removesuffix("_open").removesuffix("_close")
        if kind not in _ALLOWED:
            found.append(f"{kind}: {token.content[:60]}")
        if token.type == "link_open" and not str(token.attrs["href"]).startswith(ours):
            found.append(f"link to {token.attrs['href']}")
        if token.type == "text":
            found += [
                f"call: {call[0]} in {token.content[:60]!r}" for call in _CALLS.finditer(re.sub(own, "", token.content))
            ]
    return found


def _walk(tokens):
    for token in tokens:
        yield token
        yield from _walk(token.children or [])
