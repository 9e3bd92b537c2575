"""What stops a run. Each can be gone on from with the same command."""

from __future__ import annotations

from experience_store.errors import BadInputError, ExperienceError


class RunStoppedError(ExperienceError):
    """The run cannot go on now."""


class OtherRunError(BadInputError):
    """The folder holds a run that was started with other settings."""


class EndpointRefusedError(BadInputError):
    """The endpoint refuses every call; nothing can be done with it as it is configured."""
