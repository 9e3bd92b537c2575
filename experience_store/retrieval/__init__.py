from experience_store.retrieval.fields import Document
from experience_store.retrieval.index import Index
