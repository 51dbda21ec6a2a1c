"""A process that runs on takes up what another one promotes or rolls back, within a minute and without a restart."""

import subprocess
import sys
import time

import pytest
import sqlalchemy as sa
from sqlmodel import col

from models import ClassifierVersion, Post, PostVersion, Score
from models.clock import utcnow
from monitor.config import load
from monitor.sample import SampleServer
from monitor.versions import active

from .made import keep

pytestmark = pytest.mark.slow

WITHIN_S = 60


def sheriffwatch(config_file, *arguments):
    return [sys.executable, "-m", "monitor", *arguments, "--config", str(config_file)]


def do(config_file, *arguments):
    subprocess.run(sheriffwatch(config_file, *arguments), check=True, capture_output=True, timeout=60)


def read_by(db, external_id):
    """The version that scored a post, None while none has."""
    with db.read() as session:
        return session.execute(
            sa.select(col(ClassifierVersion.version))
            .join(Score, col(Score.classifier_version_id) == col(ClassifierVersion.id))
            .join(PostVersion, col(PostVersion.id) == col(Score.post_version_id))
            .join(Post, col(Post.id) == col(PostVersion.post_id))
            .where(col(Post.external_id) == external_id)
        ).scalar()


def test_promote_and_rollback_reach_a_running_process_within_a_minute(config_file, server: SampleServer, db):
    office, account = next(iter(server.world)), server.accounts()[0]
    do(config_file, "account", "add", account["platform"], account["address"])
    bundled = active(db, load(config_file)).version
    second = keep(db, load(config_file), "second", now=utcnow()).version
    running = subprocess.Popen(
        sheriffwatch(config_file, "run", "--no-web"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )

    def who_reads(text):
        """Publish a post and return which version the running process scored it with."""
        external_id = server.external_id(office.slug, server.publish(office.slug, text).id)
        until = time.monotonic() + WITHIN_S
        while (version := read_by(db, external_id)) is None and time.monotonic() < until:
            assert running.poll() is None, "the process ended"
            time.sleep(0.2)
        return version

    try:
        assert who_reads("The parade starts at noon.") == bundled
        do(config_file, "classifier", "promote", second)
        assert who_reads("Coats are given out at the annex.") == second
        do(config_file, "classifier", "rollback")
        assert who_reads("The road to the bridge is open again.") == bundled
    finally:
        running.terminate()
        running.wait(timeout=60)
