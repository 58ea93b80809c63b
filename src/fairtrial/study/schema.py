"""The JSON Schema of study files, which editors read, and a study file to start from."""

import json
from importlib import resources
from pathlib import Path
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from fairtrial.errors import InputError
from fairtrial.files import place_aside
from fairtrial.kinds.mechanism.kind import FAMILIES
from fairtrial.study import Study

SCHEMA_NAME = "fairtrial.schema.json"  # The first line of starter.toml names it.


class _StudySchema(GenerateJsonSchema):
    """Pydantic's schema, in the words of a TOML file."""

    def tagged_union_schema(self, schema: core_schema.TaggedUnionSchema) -> JsonSchemaValue:
        """Allow the bare name of each kind that needs no settings."""
        bare = [
            kind
            for kind, choice in schema["choices"].items()
            if (inner := self._resolve(self.generate_inner(choice)))
            and "kind" in inner["properties"]
            and set(inner.get("required", [])) <= {"kind"}
        ]
        if not bare:  # Its members are told apart by other settings.
            return super().tagged_union_schema(schema)
        return {"anyOf": [{"enum": bare}, super().tagged_union_schema(schema)]}

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        """TOML has no null: what may be None is left out."""
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        """Name no default where it is to leave the setting out."""
        found = super().default_schema(schema)
        default = found.get("default", ...)
        if default is None:
            del found["default"]
        elif isinstance(default, dict):
            found["default"] = {key: value for key, value in default.items() if value is not None}
        return found

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        """Ask for the kind that the union needs; describe without the docstring's sections."""
        found = super().model_schema(schema)
        family = getattr(getattr(schema["cls"], "definition", None), "family", None)
        is_implied = family is not None and family.is_implied
        if "kind" in found.get("properties", {}) and not is_implied:
            found["required"] = [
                "kind",
                *(name for name in found.get("required", []) if name != "kind"),
            ]
        if "description" in found:
            found["description"] = found["description"].partition("\n\nExamples\n")[0]
        return found

    def field_title_should_be_set(self, schema: Any) -> bool:
        """Leave out titles: they say nothing that the names do not."""
        return False

    def _resolve(self, schema: JsonSchemaValue) -> JsonSchemaValue:
        while "$ref" in schema:
            found = self.get_schema_from_definitions(schema["$ref"])
            assert found is not None
            schema = found
        return schema


def make_schema() -> dict[str, Any]:
    """Make the JSON Schema of study files (draft 2020-12), without rules between settings."""
    schema = Study.model_json_schema(schema_generator=_StudySchema)
    return {"$schema": _StudySchema.schema_dialect, **schema, "title": "fairtrial study file"}


def format_schema() -> str:
    """Write the schema as JSON."""
    return json.dumps(make_schema(), indent=2, ensure_ascii=False) + "\n"


def write_schema(path: Path, text: str = "") -> None:
    """Write a schema, by default that of study files, to a file in place of what was there."""
    try:
        with place_aside(path) as aside:
            aside.write_text(text or format_schema(), encoding="utf-8")
    except OSError as error:
        raise InputError(
            f"{path} cannot be written: {error.strerror or error}. Name another file."
        ) from None


def read_starter() -> str:
    """Read the study file that `write_starter` writes, with the names of all kinds."""
    text = (resources.files("fairtrial.study") / "starter.toml").read_text(encoding="utf-8")
    for name, family in FAMILIES.items():
        kinds = [kind.name for kind in family if getattr(kind, "in_files", True)]
        text = text.replace(f"{{{name}}}", " | ".join(kinds))
    return text


def write_starter(path: Path) -> Path:
    """Write a study file to start from, and the schema beside it, whose path is returned.

    Raises `InputError` if there is a file already, or it cannot be written.
    """
    schema = path.parent / SCHEMA_NAME
    try:
        with path.open("x", encoding="utf-8", newline="\n") as file:
            file.write(read_starter())
    except FileExistsError:
        raise InputError(f"{path} is there already, and stays: name another file.") from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path.
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{path} cannot be written: {reason}. Name another file.") from None
    write_schema(schema)
    return schema
