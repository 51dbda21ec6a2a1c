"""Foreign words made fit to be shown anywhere: sound, on one line, cut, and with addresses that do not turn into links.

What is markup differs from channel to channel and is each channel's own business.
"""

import re
from urllib.parse import quote, urlsplit

_BIDI = re.compile("[\u202a-\u202e\u2066-\u2069\u200e\u200f\u061c]")
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_MOST_ADDRESS = 1000
GAP = "\u200b"
"""A zero-width space: nobody sees it, and programs that look for addresses or mentions do not read across it."""


def sound(text: str) -> str:
    """The text as it can be written in UTF-8: half characters, which JSON can smuggle in, are replaced."""
    return _SURROGATE.sub("\ufffd", text)


def clean(text: str) -> str:
    """The text without what turns the direction of writing or cannot be shown."""
    return _CONTROL.sub("", _BIDI.sub("", sound(text)))


def line(text: str) -> str:
    """The text on one line."""
    return " ".join(clean(text).split())


def cut(text: str, most: int) -> str:
    """At most ``most`` characters, cut with an ellipsis."""
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def unlinked(text: str) -> str:
    """The text with addresses that programs do not make into links by themselves."""
    return re.sub(r"(?i)\b(www)\.", rf"\1{GAP}.", re.sub(r"(?i)([a-z])://", rf"\1:{GAP}//", text))


def web_address(url: str, keep: str = "/:?&=#%+,;@!$'()~.-_[]*") -> str:
    """An address of the web, percent-encoded but for ``keep``; empty when it is none or too long to be one."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    if parts.scheme not in ("http", "https") or not parts.netloc:
        return ""
    address = quote(clean(url), safe=keep)
    return address if len(address) <= _MOST_ADDRESS else ""  # half an address would lead somewhere else
