from collections.abc import Callable
from pathlib import Path

import pytest

from aisuite.errors import ProfileInvalid
from aisuite.profile.fold import parse_override
from aisuite.profile.load import Loaded, ProfileRequest, load_profile

Load = Callable[..., Loaded]
Problems = Callable[..., list[str]]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Load a shipped profile by name, or a text as my.yaml, with environment, .env and --set around it."""

    def load_it(
        text: str | bytes = "extends: phase2\n",
        *,
        name: str = "./my.yaml",
        environ: dict[str, str] | None = None,
        dotenv: str | None = None,
        sets: tuple[str, ...] = (),
    ) -> Loaded:
        data = text if isinstance(text, bytes) else text.encode()
        (tmp_path / "my.yaml").write_bytes(data)
        if dotenv is not None:
            (tmp_path / ".env").write_text(dotenv)
        overrides = dict(parse_override(one) for one in sets)
        return load_profile(ProfileRequest(name, tmp_path, overrides, environ or {}))

    return load_it


@pytest.fixture
def problems(load: Load) -> Problems:
    """Load what `load` does, and return the problems as they are printed."""

    def find(*args: str | bytes, **kwargs: object) -> list[str]:
        with pytest.raises(ProfileInvalid) as caught:
            load(*args, **kwargs)
        return [str(problem) for problem in caught.value.problems]

    return find
