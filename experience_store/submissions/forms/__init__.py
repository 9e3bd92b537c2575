"""Messages as other software writes them, each form read by one module into `Message`.

A message is dispatched by its own fields (`read_message`). Reading takes the fields that a form
has; what is left must be metadata, or the message is refused (`fields`). Content blocks that are
unknown keep their JSON (`blocks`). So nothing that was said, called or returned is ever dropped;
only images, sound and other binary data are reduced to a mark.

Reading order: `values`, `fields`, `pieces`, `media`, `blocks`, `roles`, `chat`, then the forms that
differ from chat messages (`responses`, `langchain`, `pydantic_ai`, `sharegpt`), `plain`,
`read_message`.
"""
