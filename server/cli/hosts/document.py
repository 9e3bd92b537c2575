"""The text of a configuration file, edited in place, whatever its format."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import TypeAlias

from experience_store.errors import BadInputError
from server.json_values import as_list, as_object

Key: TypeAlias = str | int


class MalformedError(BadInputError):
    """The text of a file is not valid in its format."""

    def __init__(self, what: str, line: int, column: int) -> None:
        super().__init__(f"line {line}, column {column}: {what}")

    def in_file(self, path: Path) -> BadInputError:
        """The same error, with the file and what to do."""
        return BadInputError(
            f"{path}, {self}. Nothing was changed; fix the file, or add the entry by hand"
        )


class ConfigDocument(ABC):
    """A text that is changed in single places; everything else in it stays as it is.

    Attributes:
        text: The text as it is now.
        data: What it means.
    """

    def __init__(self, text: str) -> None:
        """Read a text.

        Raises:
            MalformedError: It is not valid; with line and column.
        """
        self.text = text
        self.data = self._parse(text)
        self._newline = "\r\n" if "\r\n" in text else "\n"

    def get(self, *path: Key) -> object | None:
        """The value at a path, None if there is none."""
        return at_path(self.data, path)

    def update(self, *path: Key, value: object) -> None:
        """Make a value what it should be, touching only the parts of it that differ."""
        old, new = as_object(self.get(*path)), as_object(value)
        if old is None or new is None:
            if self.get(*path) != value:
                self.set(*path, value=value)
            return
        for key in old:
            if key not in new:
                self.remove(*path, key)
        for key, inner in new.items():
            self.update(*path, key, value=inner)

    @abstractmethod
    def set(self, *path: Key, value: object) -> None:
        """Put a value at a path, and make what is missing on the way.

        An index behind the last one of a list appends to it.

        Raises:
            BadInputError: Something on the way is not a table, or the text cannot be edited safely.
        """

    @abstractmethod
    def remove(self, *path: Key) -> None:
        """Remove what is at a path, if there is something.

        Raises:
            BadInputError: The text cannot be edited safely.
        """

    @abstractmethod
    def restore(self, older: str, *path: str) -> None:
        """Put back a value of an older text, as it was written there if possible."""

    @abstractmethod
    def check_names(self, *path: str) -> None:
        """Check that each name on the way to a value, and in it, occurs once.

        Raises:
            MalformedError: With the position of the second one.
        """

    @abstractmethod
    def _parse(self, text: str) -> object: ...


def at_path(data: object, path: tuple[Key, ...]) -> object | None:
    """The value at a path in plain data, None if there is none."""
    for key in path:
        table, items = as_object(data), as_list(data)
        if table is not None and isinstance(key, str):
            data = table.get(key)
        elif items is not None and isinstance(key, int):
            data = items[key]
        else:
            return None
    return data
