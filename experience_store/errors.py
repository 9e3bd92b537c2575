"""One error tree. The docstring of a class is its message when none is given."""

from __future__ import annotations


class ExperienceError(Exception):
    """Something is wrong with the experience library."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or type(self).__doc__)


class BadInputError(ExperienceError):
    """The call cannot be taken as it is."""


class NotFoundError(ExperienceError):
    """There is no such thing here."""


class LibraryNotFoundError(NotFoundError):
    """There is no library of this name."""


class ConflictError(ExperienceError):
    """The same name already stands for something else."""


class AnswerRefusedError(ExperienceError):
    """The answer does not fit the schema of its request."""


class HeadMovedError(ExperienceError):
    """Another version was published meanwhile; rebase and try again."""


class LeaseLostError(ExperienceError):
    """Another process has taken over this update."""


class StorageError(ExperienceError):
    """The database cannot be used."""
