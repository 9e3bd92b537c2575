"""The backup of one installed entry: the text of the host's file before it and with it.

If the file is still as it was written, undo restores the text before. Otherwise it takes back the
lines that were written; if they have changed, the entry alone.
"""

from __future__ import annotations

from itertools import takewhile
from pathlib import Path

from pydantic import BaseModel

from experience_store.errors import BadInputError
from server.cli.hosts.config_file import open_document
from server.cli.hosts.document import ConfigDocument, as_list, as_table

INPUTS = "inputs"


class Backup(BaseModel, frozen=True):
    """One installed entry.

    Attributes:
        file: The host's file.
        servers: The table of servers in it.
        name: The name of the entry.
        before: The text of the file without the entry, None if there was no file.
        after: The text of the file with it.
        secrets: The variables that were given a value in the entry's `env`, with all values.
        copy_name: The copy of the file as it was at first, None if there was no file.
        reconstructed: Whether `before` is not a copy, but made from the old entry.
    """

    file: Path
    servers: str
    name: str
    before: str | None
    after: str
    secrets: dict[str, list[str]]
    copy_name: str | None
    reconstructed: bool = False

    def entry_in(self, text: str) -> object | None:
        """The entry in a text."""
        return self._open(text).get(self.servers, self.name)

    def was_changed(self, text: str) -> bool:
        """Whether somebody else has changed the entry in a text."""
        return self.entry_in(text) not in (self.entry_in(self.after), None)

    def undone(self, text: str) -> str | None:
        """A text of the file without what was installed, None if the file should go.

        Raises:
            BadInputError: The text is malformed, or cannot be edited safely.
        """
        if text == self.after:
            return self.before
        document = self._open(text)
        unchanged = document.text
        self._take_back(document)
        result = text if document.text == unchanged else document.text
        lines = _reverted(text, self.before or "", self.after)
        if lines is not None and self._means(lines, document):
            result = lines
        is_empty = not result.strip().strip("{}").strip()
        return None if self.before is None and is_empty else result

    def _open(self, text: str) -> ConfigDocument:
        return open_document(text, self.file)

    def _means(self, text: str, document: ConfigDocument) -> bool:
        try:
            return self._open(text).get() == document.get()
        except BadInputError:
            return False

    def _take_back(self, document: ConfigDocument) -> None:
        """Take back the entry and its inputs, and the tables that were made for them."""
        before, after = self._open(self.before or ""), self._open(self.after)
        entry = self.servers, self.name
        if before.get(*entry) is None:
            document.remove(*entry)
        elif before.get(*entry) != document.get(*entry):
            document.restore(before.text, *entry)
        for asked in input_ids(after):
            wanted = f"${{input:{asked}}}" in document.text or asked in input_ids(before)
            if asked in input_ids(document) and not wanted:
                document.remove(INPUTS, input_ids(document).index(asked))
        for table in (self.servers, INPUTS):
            if before.get(table) is None and document.get(table) in ({}, []):
                document.remove(table)


def input_ids(document: ConfigDocument) -> list[object]:
    """The ids of what the host asks its user for."""
    asked = as_list(document.get(INPUTS)) or []
    return [(as_table(item) or {}).get("id") for item in asked]


def _reverted(text: str, before: str, after: str) -> str | None:
    """A text with the change from `before` to `after` reverted; None if its lines have changed."""
    old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
    start = _equal_lines(old, new)
    old, new = old[start:], new[start:]
    end = _equal_lines(old[::-1], new[::-1])
    written = "".join(new[: len(new) - end])
    replaced = "".join(old[: len(old) - end])
    return text.replace(written, replaced) if written and text.count(written) == 1 else None


def _equal_lines(one: list[str], other: list[str]) -> int:
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def without(undone: Backup, other: Backup) -> Backup:
    """The backup of another entry, as if the undone one had never been installed."""
    before = None if other.before is None else undone.undone(other.before)
    after = undone.undone(other.after) or ""
    return other.model_copy(update={"before": before, "after": after})
