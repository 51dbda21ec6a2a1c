"""What may go wrong, said so that a user and the pipeline both know what to do next."""


class SheriffwatchError(Exception):
    """A fault with a sentence for the user. The command line prints it and exits 1."""


class UsageError(SheriffwatchError):
    """The command, a file or the configuration is wrong. The command line prints it and exits 2."""


class FetchError(SheriffwatchError):
    """Asking a platform failed.

    ``kind`` is one short word for ``account.health`` and reports:
    ``network``, ``timeout``, ``rate_limited``, ``server``, ``blocked`` (401, 403, 406, 415), ``login_wall``,
    ``gone`` (404 or 410 for the whole account), ``moved`` (another identity answers), ``private_address``,
    ``too_large``, ``not_a_feed``, ``malformed``.

    ``permanent`` says that asking again will not help until a person acts;
    ``retry_after`` is the number of seconds the server asked us to wait, if it did.
    """

    def __init__(
        self, message: str, *, kind: str = "network", permanent: bool = False, retry_after: float | None = None
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.permanent = permanent
        self.retry_after = retry_after


class DeliveryError(SheriffwatchError):
    """A channel did not take a message.

    ``permanent`` stops the destination until a person acts. ``ambiguous`` means the message may have arrived:
    look it up before sending again. ``reduce`` means the channel refused this message's form, not the destination.
    ``retry_after`` is in seconds.
    """

    def __init__(
        self,
        message: str,
        *,
        permanent: bool = False,
        ambiguous: bool = False,
        reduce: bool = False,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.permanent = permanent
        self.ambiguous = ambiguous
        self.reduce = reduce
        self.retry_after = retry_after


class CannotLookUpError(DeliveryError):
    """The channel cannot tell whether a message arrived, because the token may not read there: better twice than
    never.
    """
