"""Hold a service to its own OpenAPI document."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.config import SchemathesisConfig
from schemathesis.specs.openapi.checks import positive_data_acceptance


def load_schema(app: FastAPI, key: str) -> Any:
    """Read the document of an app as a caller with its key."""
    headers = {"Authorization": f"Bearer {key}"}
    config = SchemathesisConfig.from_dict({"headers": headers})
    return schemathesis.openapi.from_asgi("/openapi.json", app, config=config, headers=headers)


def described_operations(document: Mapping[str, Any]) -> set[str]:
    """List what a document describes, as "GET /livez"."""
    return {f"{method.upper()} {path}" for path, methods in document["paths"].items() for method in methods}


def check_operation(schema: Any, label: str, *, examples: int = 25, all_valid_accepted: bool = True) -> None:
    """Send what the document allows, and what it does not, and hold each answer to it.

    Rules that no schema can say refuse some of what it allows: then not `all_valid_accepted`.
    """
    method, path = label.split(" ", 1)
    operation = schema[path][method]
    for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
        if mode is GenerationMode.NEGATIVE and not (operation.body or operation.query or operation.path_parameters):
            continue  # nothing that could be wrong

        @settings(
            max_examples=examples,
            deadline=None,
            derandomize=True,
            database=None,
            phases=(Phase.explicit, Phase.generate),
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(generation_mode=mode))
        def hold(case: schemathesis.Case) -> None:
            if any(isinstance(value, list) for value in (case.query or {}).values()):
                return  # said twice: the last one counts, as everywhere in HTTP
            case.call_and_validate(excluded_checks=[] if all_valid_accepted else [positive_data_acceptance])

        hold()
