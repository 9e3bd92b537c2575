"""Messages as other software writes them, each form read by one module into `Message`.

A message is dispatched by its own fields (`read_message`). A reader takes the fields that its form
has. What it leaves is judged in one place (`fields`): bookkeeping is left out, anything else stays
in the text as `name: value`, or the message is refused. Content blocks that are unknown keep their
JSON (`blocks`). So nothing that was said, called or returned is ever dropped; only images, sound
and other binary data are reduced to a mark.

Reading order: `values`, `fields`, `pieces`, `media`, `blocks`, `roles`, `chat`, then the forms that
differ from chat messages (`responses`, `langchain`, `pydantic_ai`, `sharegpt`, `openhands`; in
other names only: `renamed`; around messages: `wrapped`), `plain`, `read_message`.
"""
