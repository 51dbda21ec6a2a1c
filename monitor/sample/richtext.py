"""Links and hashtags inside a post's plain text, and the HTML made of them."""

import re
from collections.abc import Iterator
from html import escape
from typing import Literal, NamedTuple

_MARK = re.compile(r"(?P<link>https?://[^\s<>]*[^\s<>.,;:!?)\"'])|(?<![\w#&])#(?P<tag>[^\W\d_]\w*)")


class Mark(NamedTuple):
    """A link or hashtag at ``start:end`` (characters); ``value`` is the URL, or the tag without its sign."""

    kind: Literal["link", "tag"]
    value: str
    start: int
    end: int


def marks(text: str) -> Iterator[Mark]:
    """The links and hashtags of a text, in order."""
    for found in _MARK.finditer(text):
        if found["link"]:
            yield Mark("link", found["link"], found.start(), found.end())
        else:
            yield Mark("tag", found["tag"], found.start(), found.end())


def tags_of(text: str) -> list[str]:
    """The hashtags of a text, each once, without the sign."""
    return list(dict.fromkeys(mark.value for mark in marks(text) if mark.kind == "tag"))


def paragraphs(text: str) -> list[str]:
    """The text cut at its empty lines."""
    return [part.strip() for part in re.split(r"\n\s*\n", text) if part.strip()]


def news_html(text: str) -> str:
    """A press release's body: paragraphs, line breaks and plain links."""
    return "\n".join(f"<p>{_news_line(part)}</p>" for part in paragraphs(text))


def toot_html(text: str, base_url: str) -> str:
    """A post's body as Mastodon writes it: links split by invisible spans, hashtags linked."""
    return "".join(f"<p>{_toot_line(part, base_url)}</p>" for part in paragraphs(text))


def _news_line(text: str) -> str:
    out, at = [], 0
    for mark in marks(text):
        if mark.kind == "link":
            out += [escape(text[at : mark.start]), f'<a href="{escape(mark.value)}">{escape(mark.value)}</a>']
            at = mark.end
    return "".join([*out, escape(text[at:])]).replace("\n", "<br>\n")


def _toot_line(text: str, base_url: str) -> str:
    out, at = [], 0
    for mark in marks(text):
        out.append(escape(text[at : mark.start], quote=False))
        out.append(_toot_link(mark.value) if mark.kind == "link" else _toot_tag(mark.value, base_url))
        at = mark.end
    return "".join([*out, escape(text[at:], quote=False)]).replace("\n", "<br />")


def _toot_link(url: str) -> str:
    scheme, rest = re.fullmatch(r"(https?://(?:www\.)?)(.*)", url).groups()  # type: ignore[union-attr]
    shown, hidden = rest[:30], rest[30:]
    style = "ellipsis" if hidden else ""
    return (
        f'<a href="{escape(url)}" target="_blank" rel="nofollow noopener" translate="no">'
        f'<span class="invisible">{scheme}</span><span class="{style}">{escape(shown)}</span>'
        f'<span class="invisible">{escape(hidden)}</span></a>'
    )


def _toot_tag(tag: str, base_url: str) -> str:
    return f'<a href="{base_url}/tags/{tag.lower()}" class="mention hashtag" rel="tag">#<span>{tag}</span></a>'
