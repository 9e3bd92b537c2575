"""Reads YAML, with the package pyyaml, which the server does without."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Hashable
from typing import Any, cast

import yaml
from typing_extensions import override

from experience_store.errors import BadInputError


class _Loader(yaml.SafeLoader):
    """Refuses a mapping with the same key twice, of which one would be lost."""

    @override
    def construct_mapping(
        self, node: yaml.MappingNode, deep: bool = False
    ) -> dict[Hashable, Any]:  # as its base says
        keys = Counter(key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode))
        for name, times in keys.items():
            if times > 1:
                raise yaml.MarkedYAMLError(
                    problem=f"found {name!r} twice; rename one", problem_mark=node.start_mark
                )
        return super().construct_mapping(node, deep)


def read_yaml(text: str) -> list[object]:
    """The documents of a text as JSON has them: dates are text.

    Raises:
        BadInputError: If it is not YAML; says where.
    """
    try:
        found = cast("list[object]", list(yaml.load_all(text, Loader=_Loader)))
        return cast("list[object]", json.loads(json.dumps(found, default=str)))
    except (yaml.YAMLError, TypeError, ValueError, RecursionError) as error:
        said = " ".join(str(error).replace('in "<unicode string>", ', "").split())
        raise BadInputError(f"is not YAML ({said})") from error
