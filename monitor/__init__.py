"""The application: polls, scores, flags, alerts, and takes people's verdicts back."""

__version__ = "0.1.0"
