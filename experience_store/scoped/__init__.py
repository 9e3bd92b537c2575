"""A store as somebody sees it who reaches only some of its libraries.

For that one the others do not exist: they are in no list and no count, and whatever is asked of
them is answered as for a name or an id that there never was, with the same text and by the same
work. So the rule is kept in one place, below everything that reads the store, and not by each tool
and resource.
"""

from experience_store.scoped.store import ScopedStore

__all__ = ["ScopedStore"]
