"""Faults on order, counting, load accounts and life cycle of the sample server."""

import socket
import statistics
import subprocess
import sys
import threading
import time

import httpx
import pytest

from monitor.sample import SampleServer

FEED = "/xrpc/app.bsky.feed.getAuthorFeed?actor=sheriff.pinon-county.example"
OTHER = "/xrpc/app.bsky.feed.getAuthorFeed?actor=sabalkeysheriff.example"


def test_a_fault_strikes_one_account_as_often_as_ordered(server, ask):
    server.break_account("pinon", status=503, headers={"Retry-After": "7"}, times=2)
    answers = [ask.get(FEED) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [503, 503, 200]
    assert answers[0].headers["retry-after"] == "7"
    assert ask.get(OTHER).status_code == 200
    assert server.count(office="pinon", status=503) == 2


def test_an_empty_body_and_a_login_page_come_with_status_200_until_healed(server, ask):
    server.break_account("larkmoor", body="empty")
    empty = ask.get("/news/larkmoor/atom.xml")
    server.break_account("larkmoor", body="html")
    page = ask.get("/news/larkmoor/atom.xml")
    server.heal("larkmoor")
    assert (empty.status_code, empty.content) == (200, b"")
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert ask.get("/news/larkmoor/atom.xml").headers["content-type"].startswith("application/atom+xml")


def test_a_slow_account_delays_no_other(server, ask):
    server.break_account("pinon", delay=0.6, times=1)
    slow = threading.Thread(target=httpx.get, args=(server.url + FEED,))
    slow.start()
    started = time.monotonic()
    assert ask.get(OTHER).status_code == 200
    assert time.monotonic() - started < 0.4
    slow.join(timeout=5)
    assert server.count(office="pinon", status=200) == 1


def test_over_the_rate_limit_both_apis_answer_429_and_newsrooms_go_on():
    with SampleServer(rate_limit=2) as server, httpx.Client(base_url=server.url, trust_env=False) as ask:
        bluesky = [ask.get(FEED) for _ in range(3)]
        mastodon = [ask.get("/api/v2/instance") for _ in range(3)]
        assert [a.status_code for a in bluesky] == [a.status_code for a in mastodon] == [200, 200, 429]
        assert bluesky[-1].headers["ratelimit-remaining"] == mastodon[-1].headers["x-ratelimit-remaining"] == "0"
        assert ask.get("/news/larkmoor/atom.xml").status_code == 200


def test_requests_are_counted_by_path_office_and_status(server, ask):
    ask.get("/news/larkmoor/atom.xml")
    ask.get("/news/larkmoor/atom.xml")
    ask.get("/no/such/path")
    assert server.count(path="/news/", office="larkmoor") == 2
    assert server.count(status=404) == 1
    assert server.count() == 3
    server.reset_counts()
    assert server.count() == 0


def test_light_accounts_answer_in_their_dialect(server, ask):
    light = [row for row in server.accounts() if "light" in row["address"]]
    assert len(light) == 6
    assert ask.get(next(r["address"] for r in light if r["platform"] == "feed")).text.count("<item>") == 5
    handle = next(r["address"] for r in light if r["platform"] == "bluesky")
    assert len(ask.get(FEED.partition("=")[0] + "=" + handle).json()["feed"]) == 5
    name = next(r["address"] for r in light if r["platform"] == "mastodon").removeprefix("@")
    assert ask.get("/api/v1/accounts/lookup", params={"acct": name}).status_code == 200
    server.publish("bluesky-light000001", "Only mine.")
    assert len(ask.get(FEED.partition("=")[0] + "=light000002.sheriffs.example").json()["feed"]) == 5


def test_changes_from_many_threads_are_all_seen(server, ask):
    def publish(number):
        for each in range(10):
            server.publish("pinon", f"Update {number}-{each}")

    threads = [threading.Thread(target=publish, args=(number,)) for number in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    feed = ask.get(f"{FEED}&limit=100").json()["feed"]
    assert len({item["post"]["uri"] for item in feed if item["post"]["record"]["text"].startswith("Update")}) == 50


def test_unknown_offices_and_posts_are_named(server):
    with pytest.raises(KeyError, match="no sample office 'nowhere'"):
        server.publish("nowhere", "x")
    with pytest.raises(KeyError, match="has no post 'nothing'"):
        server.edit("pinon", "nothing", "x")
    with pytest.raises(ValueError, match="is taken"):
        server.rename_handle("pinon", "SabalKeySheriff.example")


def test_the_port_is_free_again_after_the_server_stops():
    with SampleServer() as server:
        port = server.port
    with SampleServer(port=port) as server:
        assert httpx.get(f"{server.url}/api/v2/instance").status_code == 200


def test_alone_it_prints_the_account_lines_and_a_taken_port_is_one_sentence():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        command = [sys.executable, "-m", "monitor.sample", "--port", str(taken.getsockname()[1])]
        refused = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert refused.returncode == 1
    assert "cannot be used" in refused.stderr
    assert "Traceback" not in refused.stderr
    with subprocess.Popen([*command[:-1], "0"], stdout=subprocess.PIPE, text=True) as process:
        lines = [process.stdout.readline() for _ in range(14)]
        process.terminate()
        assert process.wait(timeout=15) == 0
    assert any(line.startswith("allow_private = [") for line in lines)
    assert sum(line.startswith("sheriffwatch account add ") for line in lines) == 8


def test_a_reset_brings_back_the_world_as_it_was(server, ask):
    before = ask.get(FEED).json()
    server.publish("pinon", "News")
    server.delete("pinon", "flyer")
    server.rename_handle("san-telmo", "elsewhere")
    server.break_account("larkmoor", status=500)
    server.reset()
    assert ask.get(FEED).json() == before
    account = ask.get("/api/v1/accounts/lookup", params={"acct": "santelmosheriff"}).json()
    assert ask.get(f"/api/v1/accounts/{account['id']}/statuses").json()[0]["account"]["username"] == "santelmosheriff"
    assert ask.get("/news/larkmoor/atom.xml").status_code == 200


def test_small_answers_do_not_wait_for_a_delayed_acknowledgement(shared, ask):
    def seconds():
        started = time.perf_counter()
        ask.get(FEED)
        return time.perf_counter() - started

    # Without TCP_NODELAY nearly every answer takes 40 ms; the first few of a connection are acknowledged at once.
    assert statistics.median(seconds() for _ in range(40)) < 0.03
