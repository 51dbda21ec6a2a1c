"""What a press of a button asks for. Pure: a press and the match it belongs to, to effects."""

from dataclasses import dataclass

from models.review import Verdict
from monitor.posts import KeptPost
from monitor.review.verdicts import REASONS, Decision
from monitor.slack import modals
from monitor.slack.effects import Decide, Effect, Open, TakeBack, Whisper
from monitor.slack.payloads import Press

GONE = "This match is not there any more; nothing was changed."
_VERDICTS = {"triage_confirm": Verdict.CONFIRMED, "triage_unsure": Verdict.UNSURE}


@dataclass(frozen=True)
class Match:
    """The match that a button belongs to."""

    alert_id: str
    kept: KeptPost

    @property
    def post_id(self) -> int:
        """The post's number."""
        return self.kept.post.id or 0


def alert_id_of(press: Press) -> int | None:
    """The alert that a press names, or None when it names none."""
    number = press.value.partition(":")[0]
    return int(number) if number.isascii() and number.isdigit() and len(number) < 15 else None


def on_press(press: Press, match: Match | None, reviewer: str) -> list[Effect]:
    """What one press should lead to."""
    if match is None:
        return [Whisper(GONE)]
    if press.action in _VERDICTS:
        return _decided(match, _VERDICTS[press.action], reviewer)
    if press.action == "triage_reject":
        reason = press.value.partition(":")[2]
        if reason not in REASONS:
            return [Whisper("That reason is not one of the codebook's; nothing was changed.")]
        return _decided(match, Verdict.REJECTED, reviewer, reason)
    if press.action == "triage_undo":
        return [TakeBack(match.post_id, reviewer)]
    if press.action == "triage_more":
        return [Open(modals.more(match.alert_id, match.kept, reviewer))]
    return []


def _decided(match: Match, verdict: Verdict, reviewer: str, reason: str = "") -> list[Effect]:
    """The verdict of a button. What this person said before stays, with themes and note, if it says the same."""
    mine = next((review for review in reversed(match.kept.reviews) if review.reviewer == reviewer), None)
    if mine is not None and (mine.verdict, mine.reason) == (verdict, reason):
        return []
    return [Decide(Decision(match.post_id, verdict, reviewer, reason=reason, via="slack"))]
