"""A store as a caller sees it who has access to some libraries only.

To that caller the other libraries do not exist: they are in no list and no count, and a request
for one is answered as for a name or an id that never existed, with the same text and by the same
work. The rule is kept in one place (`scope`), below everything that reads the store, rather than
in each tool and resource.
"""

from experience_store.scoped.store import ScopedStore

__all__ = ["ScopedStore"]
