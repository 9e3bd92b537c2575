"""`server.json`, with which the server is listed in the MCP registry.

The rules are the ones of the schema of 2025-12-11 that this file can break, in our own words.
"""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from typing import Any

import click
import jsonschema

from server.cli.main import main
from tests.paths import ROOT

SERVER: dict[str, Any] = json.loads((ROOT / "server.json").read_text(encoding="utf-8"))
(PACKAGE,) = SERVER["packages"]

_TEXT = {"type": "string", "minLength": 1}
_INPUT = {
    "description": _TEXT,
    "default": _TEXT,
    "value": _TEXT,
    "placeholder": _TEXT,
    "isRequired": {"type": "boolean"},
    "isSecret": {"type": "boolean"},
    "format": {"enum": ["string", "number", "boolean", "filepath"]},
}
_VARIABLE = {
    "type": "object",
    "required": ["name"],
    "additionalProperties": False,
    "properties": {"name": {"type": "string", "pattern": "^[A-Z][A-Z0-9_]*$"}, **_INPUT},
}
_POSITIONAL = {
    "type": "object",
    "required": ["type", "value"],
    "additionalProperties": False,
    "properties": {"type": {"const": "positional"}, "valueHint": _TEXT, **_INPUT},
}
_NAMED = {
    "type": "object",
    "required": ["type", "name"],
    "additionalProperties": False,
    "properties": {"type": {"const": "named"}, "name": {"pattern": "^--[a-z-]+$"}, **_INPUT},
}
_PACKAGE = {
    "type": "object",
    "required": ["registryType", "identifier", "version", "transport"],
    "additionalProperties": False,
    "properties": {
        "registryType": {"const": "pypi"},
        "identifier": _TEXT,
        "version": {"type": "string", "pattern": r"^\d+\.\d+\.\d+"},
        "runtimeHint": {"const": "uvx"},
        "transport": {"const": {"type": "stdio"}},
        "packageArguments": {"type": "array", "items": {"anyOf": [_POSITIONAL, _NAMED]}},
        "environmentVariables": {"type": "array", "items": _VARIABLE},
    },
}
RULES = {
    "type": "object",
    "required": ["$schema", "name", "description", "version", "packages"],
    "additionalProperties": False,
    "properties": {
        "$schema": {"type": "string", "pattern": r"/2025-12-11/server\.schema\.json$"},
        "name": {
            "type": "string",
            "minLength": 3,
            "maxLength": 200,
            "pattern": "^[a-zA-Z0-9.-]+/[a-zA-Z0-9._-]+$",
        },
        "title": {"type": "string", "minLength": 1, "maxLength": 100},
        "description": {"type": "string", "minLength": 1, "maxLength": 100},
        "version": {"type": "string", "pattern": r"^\d+\.\d+\.\d+", "maxLength": 255},
        "packages": {"type": "array", "minItems": 1, "items": _PACKAGE},
    },
}


def test_it_follows_the_rules_of_the_registry() -> None:
    jsonschema.validate(SERVER, RULES)


def test_it_says_what_the_project_says() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert SERVER["version"] == PACKAGE["version"] == project["version"]
    assert PACKAGE["identifier"] == project["name"]
    assert SERVER["description"] == project["description"]


def test_readme_and_image_carry_the_name_that_the_registry_looks_for() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert re.findall(r"^<!-- mcp-name: (\S+) -->$", readme, re.MULTILINE) == [SERVER["name"]]
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    label = re.search(r'io\.modelcontextprotocol\.server\.name="([^"]+)"', dockerfile)
    assert label
    assert label[1] == SERVER["name"]


def test_its_arguments_and_variables_are_those_of_the_program() -> None:
    command = [PACKAGE["identifier"]]
    for argument in PACKAGE["packageArguments"]:
        command += [argument["name"]] if argument["type"] == "named" else []
        command.append(argument.get("value") or argument["default"])
    assert shlex.join(command) == "experience-mcp serve --library default"
    serve = main.get_command(click.Context(main), "serve")
    assert serve
    known = {"EXPERIENCE_MCP_API_KEY"}  # read from the environment only
    for option in serve.params:
        names = option.envvar if isinstance(option.envvar, list) else [option.envvar]
        known |= {str(name) for name in names}
    assert {variable["name"] for variable in PACKAGE["environmentVariables"]} <= known
    secret = [v["name"] for v in PACKAGE["environmentVariables"] if v.get("isSecret")]
    assert secret == ["EXPERIENCE_MCP_API_KEY"]
