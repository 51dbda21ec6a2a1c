"""HTML to the plain text a reader sees, with the pictures' descriptions and addresses beside it."""

import re
from collections import Counter
from dataclasses import dataclass, field
from html import unescape

from selectolax.lexbor import LexborHTMLParser, LexborNode

from models.post import Media, storable
from monitor.sources._shape import link

_PARAGRAPHS = frozenset(
    {
        "p",
        "blockquote",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "ul",
        "ol",
        "table",
        "pre",
        "article",
        "section",
        "figure",
        "dl",
    }
)
_LINES = frozenset({"div", "li", "tr", "dt", "dd", "header", "footer", "main", "figcaption", "hr", "address"})
_UNSEEN = "script, style, template, noscript, head, title, iframe, object, form, select, button, .quote-inline"
_HAS_UNSEEN = re.compile(
    r"<(?:script|style|template|noscript|title|iframe|object|form|select|button)|quote-inline", re.IGNORECASE
)
_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9:-]{0,40})[^<>]*>|<!--|-->")
_FLAT = frozenset({"br", "img", "hr", "input", "link", "meta", "wbr", "source", "p", "li", "td", "tr", "th"})
"""Elements that hold nothing or that the parser closes by itself before the next of their kind."""
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z]{2,31});")
MAX_HTML = 500_000
MAX_DEPTH = 500
"""Deeper nesting is stripped of its tags instead of parsed: 100,000 open ``<div>`` cost Lexbor a minute (its search
for an open ``<p>`` walks all of them each time), and no page people read is built so."""


@dataclass(frozen=True)
class Page:
    """What a piece of HTML says."""

    text: str = ""
    alt_texts: list[str] = field(default_factory=list)
    media: list[Media] = field(default_factory=list)


def read_html(markup: str, base: str = "") -> Page:
    """The text of ``markup``, in lines as a reader sees them, and its pictures, addresses resolved against ``base``."""
    markup = storable(markup)
    if "<" not in markup:
        return Page(text=tidy(unescape(markup)))
    if len(markup) > MAX_HTML or _depth(markup) > MAX_DEPTH:
        return Page(text=tidy(unescape(_TAG.sub(" ", markup[:MAX_HTML]))))
    root = parse(markup).body
    return _read_node(root, base) if root is not None else Page()


def html_to_text(markup: str) -> str:
    """The text of ``markup`` alone."""
    return read_html(markup).text


def parse(markup: str) -> LexborHTMLParser:
    """The parsed document, without what a reader never sees."""
    tree = LexborHTMLParser(markup)
    if _HAS_UNSEEN.search(markup):
        for node in tree.css(_UNSEEN):
            if node.tag not in ("head", "body", "html"):
                node.decompose()
    return tree


def plain(text: str) -> str:
    """Text that is not HTML but may still carry entities, because somebody escaped twice."""
    return tidy(unescape(text) if _ENTITY.search(text) else text)


def tidy(text: str) -> str:
    """Spaces collapsed, lines trimmed, at most one blank line in a row."""
    lines = [" ".join(line.split()) for line in re.split(r"\r\n?|\n", text)]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def main_article(markup: str, base: str = "") -> Page:
    """The main text of a whole page: its article, else its main part, without menus and footers."""
    if len(markup) > MAX_HTML or _depth(markup) > MAX_DEPTH:
        return Page()
    tree = parse(storable(markup))
    for node in tree.css("nav, header, footer, aside, [role=navigation], .share, .breadcrumb, .breadcrumbs"):
        node.decompose()
    for selector in ("article", "[itemprop=articleBody]", "main", "[role=main]", "#content"):
        found = tree.css_first(selector)
        if found is not None and len((page := _read_node(found, base)).text) > 40:
            return page
    return Page()


def feed_links(markup: str, base: str) -> list[str]:
    """Addresses of the feeds a web page offers in its head, absolute, each once."""
    if len(markup) > MAX_HTML or _depth(markup) > MAX_DEPTH:
        return []
    found: dict[str, None] = {}
    for node in LexborHTMLParser(storable(markup)).css("link[rel~=alternate][href]"):
        kind = (node.attributes.get("type") or "").lower()
        if kind in ("application/rss+xml", "application/atom+xml", "application/feed+json", "application/rdf+xml"):
            address = link(node.attributes.get("href"), base)
            if address:
                found[address] = None
    return list(found)


def has_password_field(markup: str) -> bool:
    """Whether the page asks for a password, as login walls do."""
    return re.search(r"<input[^<>]{0,300}type\s*=\s*[\"']?password", markup, re.IGNORECASE) is not None


def _depth(markup: str) -> int:
    """An upper bound of how deep the elements lie in each other, without building them.

    An end tag only takes back a start tag of its own name, because the parser ignores it otherwise.
    """
    opened: Counter[str] = Counter()
    deepest = depth = 0
    for match in _TAG.finditer(markup):
        name = (match[2] or "").lower()
        if not name or name in _FLAT:
            continue
        if not match[1]:
            opened[name] += 1
            depth += 1
            deepest = max(deepest, depth)
        elif opened[name]:
            opened[name] -= 1
            depth -= 1
    return deepest


def _read_node(root: LexborNode, base: str) -> Page:
    parts: list[str | int] = []
    alt_texts: list[str] = []
    media: list[Media] = []
    node: LexborNode | None = root
    while node is not None:
        _enter(node, base, parts, alt_texts, media)
        child = None if node.tag == "a" and _shortened(node) else node.child
        node = child or _leave_to_next(node, root, parts)
    return Page(text=tidy(_joined(parts)), alt_texts=alt_texts, media=media)


def _joined(parts: list[str | int]) -> str:
    """The pieces of text; a number stands for at least so many line ends, however many elements begin and end there."""
    joined: list[str] = []
    ends = 0
    for part in parts:
        if isinstance(part, int):
            ends = max(ends, part)
        elif not ends or part.strip(" "):
            joined += ["\n" * ends, part]
            ends = 0
    return "".join(joined)


def _enter(node: LexborNode, base: str, parts: list[str | int], alt_texts: list[str], media: list[Media]) -> None:
    tag = node.tag
    if tag == "-text":
        parts.append(re.sub(r"[ \t\r\n\f]+", " ", node.text_content or ""))
    elif tag == "br":
        parts.append("\n")
    elif tag == "img":
        alt = tidy(node.attributes.get("alt") or "")
        address = link(node.attributes.get("src"), base)
        if alt:
            alt_texts.append(alt)
        if address:
            media.append(Media(kind="image", url=address, alt=alt))
    elif tag == "a" and (href := _shortened(node)):
        parts.append(href)
    elif tag in _PARAGRAPHS:
        parts.append(2)
    elif tag in _LINES:
        parts.append(1)
    elif tag in ("td", "th"):
        parts.append(" ")


def _leave_to_next(node: LexborNode, root: LexborNode, parts: list[str | int]) -> LexborNode | None:
    """Close the element and those that end with it; the node that follows, or None when ``root`` is closed."""
    here: LexborNode | None = node
    while here is not None:
        if here.tag in _PARAGRAPHS:
            parts.append(2)
        elif here.tag in _LINES:
            parts.append(1)
        if here.mem_id == root.mem_id:
            return None
        if here.next is not None:
            return here.next
        here = here.parent
    return None


def _shortened(node: LexborNode) -> str:
    """The full address of a link whose text is that address in hidden and visible pieces, as Mastodon writes it."""
    if node.css_first("span.invisible, span.ellipsis") is None:
        return ""
    return link(node.attributes.get("href"))
