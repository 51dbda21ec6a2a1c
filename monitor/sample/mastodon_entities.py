"""The JSON of Mastodon's accounts, statuses and server description, made from the sample world."""

from datetime import UTC, datetime
from typing import Any

from monitor.sample.richtext import tags_of, toot_html
from monitor.sample.world import Office, Post, Quote, Stranger

Json = dict[str, Any]


def status_id(post: Post) -> str:
    """A snowflake: milliseconds and 16 bits of sequence."""
    return str((post.serial // 1000 << 16) + post.serial % 1000)


class Entities:
    """Makes the JSON of accounts, statuses and the server itself."""

    def __init__(self, base_url: str) -> None:
        self._base = base_url

    def account(self, office: Office) -> Json:
        """An Account of this server."""
        own = [post for post in office.posts if post.repost is None]
        last = own[0].posted_at.date().isoformat() if own else None
        account = self._account(account_id_of(office.slug), office.handle, office.handle, office.name)
        return account | {
            "note": toot_html(office.description, self._base),
            "statuses_count": len(office.posts),
            "last_status_at": last,
        }

    def status(self, office: Office, post: Post) -> Json:
        """A Status; a boost is empty outside and carries the original in ``reblog``."""
        account = self.account(office)
        if post.repost is None:
            return self._status(account, status_id(post), post, office)
        inner = self._status(self._stranger(post.repost), str(int(status_id(post)) - 65_536), post, None)
        outer = self._status(account, status_id(post), post, office)
        return outer | {
            "content": "",
            "spoiler_text": "",
            "media_attachments": [],
            "card": None,
            "tags": [],
            "reblog": inner,
            "uri": f"{outer['uri']}/activity",
            "url": f"{outer['uri']}/activity",
        }

    def instance(self, domain: str) -> Json:
        """The server itself."""
        return {
            "domain": domain,
            "title": "Sample social server",
            "version": "4.5.0",
            "source_url": "https://github.com/mastodon/mastodon",
            "description": "Invented offices for trying things out",
            "usage": {"users": {"active_month": 2}},
            "languages": ["en", "es"],
            "configuration": {
                "statuses": {"max_characters": 500, "max_media_attachments": 4, "characters_reserved_per_url": 23},
                "polls": {"max_options": 4, "max_characters_per_option": 50},
            },
            "registrations": {"enabled": False, "approval_required": False, "message": None},
            "api_versions": {"mastodon": 7},
            "contact": {"email": "", "account": None},
            "rules": [],
        }

    def _status(self, account: Json, number: str, post: Post, office: Office | None) -> Json:
        host = self._base if office is not None else f"https://{account['acct'].partition('@')[2]}"
        answers, thread = post.answers, office.post(post.thread) if office and post.thread else None
        replied: tuple[str | None, str | None] = (None, None)
        if answers is not None:
            replied = (str(int(number) - 65_536), account_id_of(answers.author.handle))
        elif thread is not None:
            replied = (status_id(thread), account["id"])
        return {
            "id": number,
            "created_at": _time(post.posted_at),
            "edited_at": _time(post.edited_at) if post.edited_at else None,
            "in_reply_to_id": replied[0],
            "in_reply_to_account_id": replied[1],
            "sensitive": bool(post.warning),
            "spoiler_text": post.warning,
            "visibility": "public",
            "language": post.lang,
            "uri": f"{host}/users/{account['username']}/statuses/{number}",
            "url": f"{host}/@{account['username']}/{number}",
            "replies_count": 0,
            "reblogs_count": 1 if office is None else 0,
            "favourites_count": post.serial // 3_600_000_000 % 17,
            "content": toot_html(post.text, self._base),
            "reblog": None,
            "quote": self._quote(post.quote, number) if post.quote else None,
            "application": {"name": "Web", "website": None},
            "account": account,
            "media_attachments": [self._attachment(post, n, alt) for n, alt in enumerate(post.alts, start=1)],
            "mentions": [self._mention(answers.author)] if answers else [],
            "tags": [{"name": tag.lower(), "url": f"{self._base}/tags/{tag.lower()}"} for tag in tags_of(post.text)],
            "emojis": [],
            "card": _card(post),
            "poll": None,
        }

    def _quote(self, quote: Quote, number: str) -> Json:
        author = self._stranger(quote.author)
        quoted = Post(id="quoted", serial=0, posted_at=datetime(2026, 1, 1, tzinfo=UTC), text=quote.text)
        return {"state": "accepted", "quoted_status": self._status(author, str(int(number) - 131_072), quoted, None)}

    def _stranger(self, stranger: Stranger) -> Json:
        name, _, domain = stranger.handle.partition("@")
        acct = stranger.handle if domain else f"{name}@elsewhere.example"
        return self._account(account_id_of(acct), name, acct, stranger.name)

    def _mention(self, stranger: Stranger) -> Json:
        account = self._stranger(stranger)
        return {key: account[key] for key in ("id", "username", "url", "acct")}

    def _account(self, number: str, username: str, acct: str, name: str) -> Json:
        domain = acct.partition("@")[2]
        home = f"https://{domain}" if domain else self._base
        return {
            "id": number,
            "username": username,
            "acct": acct,
            "display_name": name,
            "locked": False,
            "bot": False,
            "discoverable": True,
            "indexable": False,
            "group": False,
            "created_at": "2023-05-02T00:00:00.000Z",
            "note": "",
            "url": f"{home}/@{username}",
            "uri": f"{home}/users/{username}",
            "avatar": f"{home}/avatars/missing.png",
            "avatar_static": f"{home}/avatars/missing.png",
            "header": f"{home}/headers/missing.png",
            "header_static": f"{home}/headers/missing.png",
            "followers_count": 840,
            "following_count": 12,
            "statuses_count": 0,
            "last_status_at": None,
            "emojis": [],
            "fields": [],
        }

    def _attachment(self, post: Post, n: int, alt: str) -> Json:
        url = f"{self._base}/media/{post.id}-{n}.jpg"
        return {
            "id": f"{post.serial // 1_000_000}{n}",
            "type": "image",
            "url": url,
            "preview_url": url,
            "remote_url": None,
            "meta": {"original": {"width": 1080, "height": 720, "size": "1080x720", "aspect": 1.5}},
            "description": alt or None,
            "blurhash": None,
        }


def account_id_of(identity: str) -> str:
    """A decimal account id of Mastodon's length, the same for the same identity on every run."""
    return str(10**17 + int.from_bytes(identity.encode()[-24:], "big") % 10**15)


def _card(post: Post) -> Json | None:
    if post.card is None:
        return None
    return {
        "url": post.card.url,
        "title": post.card.title,
        "description": post.card.description,
        "type": "link",
        "author_name": "",
        "provider_name": "",
        "image": None,
        "html": "",
    }


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
