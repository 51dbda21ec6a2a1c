"""Invented sheriffs' offices on a loopback server: for the demo, for tests and for benchmarks."""

from monitor.sample.server import SampleServer, accounts

__all__ = ["SampleServer", "accounts"]
