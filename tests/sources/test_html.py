"""HTML to the text a reader sees, at a bounded cost."""

import time

import pytest

from monitor.sources._html import feed_links, html_to_text, main_article, read_html


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("<p>One</p><p>Two<br>three</p>", "One\n\nTwo\nthree"),
        ("<ul><li>a</li><li>b</li></ul>after", "a\nb\n\nafter"),
        ("<table><tr><td>Name</td><td>Age</td></tr><tr><td>X</td><td>4</td></tr></table>", "Name Age\nX 4"),
        ("a\n  b&nbsp;c <!-- no --> <b>d</b>e", "a b c de"),
        ("no markup &lt;here&gt; &amp; there", "no markup <here> & there"),
        ("<div>un<p>closed<div>tags", "un\n\nclosed\n\ntags"),
        ("<head><title>t</title></head><body>b<noscript>n</noscript>", "b"),
        ("a\x00b <i>\ud800</i>", "a\\x00b \\ud800"),
        (
            '<a href="https://x.example/long"><span class="invisible">https://</span>x.example/lo…</a>',
            "https://x.example/long",
        ),
        ('<a href="javascript:x"><span class="ellipsis">shown</span></a>', "shown"),
    ],
)
def test_markup_becomes_lines_as_a_reader_sees_them(markup: str, text: str) -> None:
    assert html_to_text(markup) == text


def test_pictures_give_their_alt_text_and_absolute_address() -> None:
    page = read_html('<img src="/a.png" alt=" A  flyer "><img src="data:x" alt="">', "https://m.example/n/1")
    assert page.alt_texts == ["A flyer"]
    assert [(item.url, item.alt) for item in page.media] == [("https://m.example/a.png", "A flyer")]


@pytest.mark.parametrize(
    "unit", ["<div>", "<div></span>", "<div></p>", "<b><p>", "<table><td></div><div>", "<", "<!--", "<a ", "<svg><g>"]
)
def test_markup_made_to_be_slow_costs_less_than_a_breath_and_keeps_its_words(unit: str) -> None:
    markup = unit * (400_000 // len(unit)) + "</a>words"
    started = time.process_time()
    text = html_to_text(markup)
    assert time.process_time() - started < 2
    if unit not in ("<!--", "<a "):
        assert text.endswith("words")


def test_the_main_article_is_read_without_menus_and_a_page_without_one_gives_nothing() -> None:
    words = "Deputies closed Highway 9 on Sunday after a crash near the mill."
    page = f"<nav>Menu</nav><main><aside>Related</aside><p>{words}</p></main><footer>Contact</footer>"
    assert main_article(page).text == words
    assert main_article(f"<div>{words}</div>").text == ""
    assert main_article("<article>Short</article>").text == ""


def test_feeds_are_offered_once_each_and_absolute() -> None:
    page = '<link rel=alternate type="application/rss+xml" href="/f">'
    page += '<link rel="ALTERNATE" type="APPLICATION/RSS+XML" href="/f">'
    assert feed_links(page, "https://m.example/") == ["https://m.example/f"]
