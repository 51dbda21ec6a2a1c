"""Listening to Slack: buttons, forms and commands, over Socket Mode or signed HTTP requests.

A request becomes a typed thing (``payloads``), a pure function says what should be done (``buttons``, ``modals``), and
one place does it (``desk``). ``socket`` and ``http`` are the two doors; they know nothing of what goes through.
"""
