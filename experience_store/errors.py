"""The error tree. A class's docstring is its default message."""

from __future__ import annotations


class ExperienceError(Exception):
    """An error of the experience store."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or type(self).__doc__)


class BadInputError(ExperienceError):
    """Invalid input."""


class NotFoundError(ExperienceError):
    """Not found."""


class LibraryNotFoundError(NotFoundError):
    """No library has this name.

    Attributes:
        is_near: Whether another one has nearly this name, which the message says.
    """

    def __init__(self, message: str | None = None, *, is_near: bool = False) -> None:
        super().__init__(message or "No library has this name.")
        self.is_near = is_near


class ConflictError(ExperienceError):
    """Already exists with different content."""


class AnswerRefusedError(ExperienceError):
    """The answer does not match the schema of its request."""


class HeadMovedError(ExperienceError):
    """Another version was published in the meantime; rebase and retry."""


class LeaseLostError(ExperienceError):
    """Another process took over the update."""


class StorageError(ExperienceError):
    """The database cannot be used."""
