"""Exact answers, kept by SHA-256 before anything is made of them."""

import zlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, SQLModel, col

import monitor
from models.evidence import Blob, Capture
from monitor.http import Answer

_KEPT_HEADERS = frozenset(
    [
        "date",
        "server",
        "content-type",
        "content-length",
        "content-encoding",
        "etag",
        "last-modified",
        "cache-control",
        "age",
        "via",
    ]
)

CaptureIds = dict[tuple[int, str], int]
"""The id of each capture by account and SHA-256 of the body."""


def keep_answers(session: Session, answers: Mapping[int, Sequence[Answer]]) -> CaptureIds:
    """Store the bytes and circumstances of answers, given by account. The same bytes for the same question again only
    count up ``times_seen``; a 304 brings no bytes and is not kept.
    """
    wanted = {
        (account_id, answer.url, answer.sha256, answer.status): answer
        for account_id, some in answers.items()
        for answer in some
        if answer.status != 304
    }
    if not wanted:
        return {}
    connection = session.connection()
    connection.execute(
        _insert(connection, Blob).on_conflict_do_nothing(),
        [
            {"sha256": sha256, "size": len(body), "packed": zlib.compress(body, 4)}
            for sha256, body in {answer.sha256: answer.body for answer in wanted.values()}.items()
        ],
    )
    known = _known(session, wanted)
    again = [{"id_": known[key], "at": answer.answered_at} for key, answer in wanted.items() if key in known]
    if again:
        connection.execute(
            sa.update(Capture)
            .where(col(Capture.id) == sa.bindparam("id_"))
            .values(last_seen_at=sa.bindparam("at"), times_seen=col(Capture.times_seen) + 1),
            again,
        )
    fresh = [(key, answer) for key, answer in wanted.items() if key not in known]
    if fresh:
        ids = connection.execute(
            sa.insert(Capture).returning(col(Capture.id), sort_by_parameter_order=True),
            [_row(key[0], answer) for key, answer in fresh],
        ).scalars()
        known |= {key: int(new_id or 0) for (key, _), new_id in zip(fresh, ids, strict=True)}
    return {(account_id, sha256): known[account_id, url, sha256, status] for account_id, url, sha256, status in wanted}


def read_blob(session: Session, sha256: str) -> bytes | None:
    """The exact bytes with this SHA-256, or None when they are not kept."""
    packed = session.execute(sa.select(col(Blob.packed)).where(col(Blob.sha256) == sha256)).scalar()
    return None if packed is None else zlib.decompress(packed)


def keep_blob(session: Session, body: bytes) -> str:
    """Store bytes that did not come as an answer (a picture given by hand). Returns their SHA-256."""
    import hashlib

    sha256 = hashlib.sha256(body).hexdigest()
    connection = session.connection()
    connection.execute(
        _insert(connection, Blob).on_conflict_do_nothing(),
        [{"sha256": sha256, "size": len(body), "packed": zlib.compress(body, 4)}],
    )
    return sha256


def _known(session: Session, wanted: Iterable[tuple[int, str, str, int]]) -> dict[tuple[int, str, str, int], int]:
    rows = session.connection().execute(
        sa.select(
            col(Capture.id), col(Capture.account_id), col(Capture.url), col(Capture.body_sha256), col(Capture.status)
        ).where(
            col(Capture.body_sha256).in_({key[2] for key in wanted}),
            col(Capture.account_id).in_({key[0] for key in wanted}),
        )
    )
    return {(row.account_id, row.url, row.body_sha256, row.status): row.id for row in rows}


def _row(account_id: int, answer: Answer) -> dict[str, Any]:
    return {
        "account_id": account_id,
        "url": answer.url,
        "final_url": answer.final_url,
        "redirects": list(answer.redirects),
        "status": answer.status,
        "headers": [[key, value] for key, value in answer.headers.multi_items() if _worth_keeping(key)],
        "body_sha256": answer.sha256,
        "ip": answer.ip,
        "cert_sha256": answer.cert_sha256,
        "requested_at": answer.requested_at,
        "answered_at": answer.answered_at,
        "elapsed_s": answer.elapsed_s,
        "last_seen_at": answer.answered_at,
        "times_seen": 1,
        "software": f"sheriffwatch {monitor.__version__}",
    }


def _worth_keeping(header: str) -> bool:
    name = header.lower()
    return name in _KEPT_HEADERS or "ratelimit" in name


def _insert(connection: sa.Connection, table: type[SQLModel]) -> Any:
    return postgresql.insert(table) if connection.dialect.name == "postgresql" else sqlite.insert(table)
