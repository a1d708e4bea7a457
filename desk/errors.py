"""What can go wrong, said so that a person can act on it.

Every message names what is wrong, where (file, key, line, record) and what to do. The command line
prints the message of a `DeskError` and nothing else; anything that is not one is a defect.
"""

from __future__ import annotations


class DeskError(Exception):
    """Base of everything that is reported to a person instead of crashing."""


class InputError(DeskError):
    """A file or record from outside cannot be used."""


class StoreError(DeskError):
    """The store cannot be opened, read or written."""


class StoreTooNewError(StoreError):
    """A newer Answerback wrote the store; opening it with this one could damage it."""


class NotFoundError(DeskError):
    """The case, mention or reply that was named does not exist."""


class NotAllowedError(DeskError):
    """The case's state, or the platform's terms, forbid the action."""


class ConflictError(DeskError):
    """Somebody else was first; look at the case again."""


class ClassifierError(DeskError):
    """The classifier fails whatever it is asked. Nothing was lost: posts wait for it."""


class SourceError(DeskError):
    """A source could not be read. Nothing was lost: the same cursor is asked again."""

    def __init__(self, message: str, *, retry_after_seconds: float | None = None, permanent: bool = False):
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds
        """How long the platform asks to wait; None where it did not say."""
        self.permanent = permanent
        """Asking again will not help before a person changes something (a token, a right)."""


class SendError(DeskError):
    """Base of the three ways in which a reply is not known to be out."""


class SendRefusedError(SendError):
    """The platform said no and keeps nothing; sending again unchanged will not help."""


class SendLaterError(SendError):
    """The platform took nothing and asks to come back."""

    def __init__(self, message: str, *, retry_after_seconds: float):
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class SendUnknownError(SendError):
    """The request left but no answer came: the reply may or may not be public. Read back first."""


class DeliveryError(DeskError):
    """A chat or webhook did not take an alert."""

    def __init__(self, message: str, *, retry_after_seconds: float | None = None, permanent: bool = False):
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds
        self.permanent = permanent
        """The receiver will never take it (gone, refused): go to the dead letters at once."""
