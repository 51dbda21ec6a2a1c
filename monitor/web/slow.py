"""Answers that take longer than a page may: worked out in a thread of their own, kept, and shown with their age."""

import threading
import time
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

MOST_KEPT = 40


@dataclass
class _Kept:
    value: Any
    at: float


class Slow:
    """Keeps the last answer to each question. Two are worked out at a time."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(2, thread_name_prefix="slow")
        self._lock = threading.Lock()
        self._kept: dict[Hashable, _Kept] = {}
        self._asked: dict[Hashable, Future[Any]] = {}

    def get(
        self, key: Hashable, work: Callable[[], Any], *, keep_s: float = float("inf"), wait_s: float = 0.0
    ) -> Any | None:
        """The answer: the kept one, which is worked out anew behind it when it is older than ``keep_s``.

        Without a kept one, waits up to ``wait_s`` seconds; None when it is not there by then. What ``work`` raised is
        raised here, once; the next call tries again.
        """
        with self._lock:
            kept = self._kept.get(key)
            if kept is not None and time.monotonic() - kept.at < keep_s:
                return kept.value
            asked = self._asked.get(key)
            if asked is None or (asked.done() and kept is not None):
                asked = self._asked[key] = self._pool.submit(self._answer, key, work)
        if kept is not None:
            return kept.value
        try:
            return asked.result(timeout=wait_s)
        except BaseException:
            if not asked.done():
                return None
            with self._lock:
                self._asked.pop(key, None)
            raise

    def _answer(self, key: Hashable, work: Callable[[], Any]) -> Any:
        value = work()
        with self._lock:
            self._kept.pop(key, None)
            self._kept[key] = _Kept(value, time.monotonic())
            self._asked.pop(key, None)
            while len(self._kept) > MOST_KEPT:
                self._kept.pop(next(iter(self._kept)))
        return value
