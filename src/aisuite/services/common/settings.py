"""The settings every service has, read from the environment only."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from aisuite.services.common.errors import KeyFileUnusable


class ServiceSettings(BaseSettings):
    """Settings common to all services; a field's name in capitals is its environment variable."""

    model_config = SettingsConfigDict(env_ignore_empty=True, extra="ignore", frozen=True)

    service_host: str = "127.0.0.1"
    service_port: int = Field(ge=1, le=65535)
    service_api_key_file: Path
    service_log_level: Literal["debug", "info", "warning", "error"] = "info"


def read_api_key(path: Path) -> SecretStr:
    """Read the key that callers must present.

    Raises `KeyFileUnusable` when the file cannot be read, is empty, or holds what no HTTP header can carry.
    """
    try:
        key = path.read_text(encoding="ascii").strip()
    except OSError as err:
        raise KeyFileUnusable(f"cannot read the API key file {path}: {err.strerror}") from err
    except UnicodeDecodeError as err:
        raise KeyFileUnusable(f"the API key file {path} is not plain ASCII text") from err
    if not key:
        raise KeyFileUnusable(f"the API key file {path} is empty")
    if not key.isprintable() or " " in key:
        raise KeyFileUnusable(f"the API key file {path} must hold one line without spaces")
    return SecretStr(key)
