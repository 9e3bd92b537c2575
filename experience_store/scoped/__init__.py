"""The store as seen by a caller with access to some libraries only.

To that caller the other libraries do not exist: no list or count includes them, and a request for
one gets the same answer, with the same work, as a name or id that never existed. The rule is in one
place (`scope`), below everything that reads the store (`scoped_store`), not in each tool and
resource.
"""

from experience_store.scoped.scoped_store import ScopedStore

__all__ = ["ScopedStore"]
