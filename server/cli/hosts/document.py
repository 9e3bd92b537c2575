"""A configuration file as hosts keep it, whatever its format."""

from __future__ import annotations

from typing import Protocol, Self

from server.cli.hosts.plain import Key


class Document(Protocol):
    """A text that is changed in single places; everything else in it stays as it is."""

    @property
    def text(self) -> str:
        """The text as it is now."""
        ...

    def get(self, *path: Key) -> object | None:
        """The value at a path, None if there is none."""
        ...

    def check_names(self, *path: str) -> None:
        """Nothing, if each name on the way to a value and in it stands there once.

        Raises:
            MalformedError: With the position of the second one.
        """
        ...

    def set(self, *path: str, value: object) -> None:
        """Put a value at a path, and make what is missing on the way.

        Raises:
            BadInputError: Something on the way is no table.
        """
        ...

    def append(self, *path: str, value: object) -> None:
        """Add a value to the list at a path."""
        ...

    def remove(self, *path: Key) -> None:
        """Take out what is at a path, if there is something."""
        ...

    def take_from(self, older: Self, *path: str) -> None:
        """Put at a path what an older text has there, as it was written."""
        ...


def open_document(text: str, suffix: str) -> Document:
    """The document of a text; the format goes by the suffix of its file.

    Raises:
        MalformedError: With line and column.
    """
    if suffix == ".toml":
        from server.cli.hosts.toml_document import TomlDocument  # noqa: PLC0415  # one host's

        return TomlDocument(text)
    from server.cli.hosts.json_document import JsonDocument  # noqa: PLC0415  # likewise

    return JsonDocument(text)
