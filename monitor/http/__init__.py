"""The one way out to the network.

Every request of the product passes here, under one total deadline, caps on wire and decoded bytes, redirects followed
hop by hop, private addresses refused on the connected address, and politeness towards each host.
"""

from monitor.http.answer import Answer
from monitor.http.config import HttpConfig
from monitor.http.web import AccountFetch, Web

__all__ = ["AccountFetch", "Answer", "HttpConfig", "Web"]
