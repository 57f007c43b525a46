from pathlib import Path

import pytest
from pydantic import ValidationError

from aisuite.services.common import ServiceSettings
from aisuite.services.common.errors import KeyFileUnusable
from aisuite.services.common.settings import read_api_key


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SERVICE_PORT", "8003")
    monkeypatch.setenv("SERVICE_API_KEY_FILE", "/keys/one")
    monkeypatch.setenv("SERVICE_HOST", "")
    settings = ServiceSettings()  # type: ignore[call-arg]
    assert (settings.service_host, settings.service_port) == ("127.0.0.1", 8003)
    assert settings.service_api_key_file == Path("/keys/one")


@pytest.mark.parametrize("port", ["0", "65536", "-1", "http", "80.5"])
def test_a_port_out_of_range_is_refused(port: str) -> None:
    with pytest.raises(ValidationError, match="service_port"):
        ServiceSettings(service_port=port, service_api_key_file=Path("key"))  # type: ignore[arg-type]


def test_the_key_is_read_without_its_line_end_and_never_shown(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text("abc-123\n")
    key = read_api_key(path)
    assert key.get_secret_value() == "abc-123"
    assert "abc-123" not in repr(key)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [(b"", "empty"), (b" \n", "empty"), (b"two words", "one line"), (b"a\nb", "one line"), (b"\xff", "ASCII")],
)
def test_a_key_that_no_header_can_carry_is_refused(tmp_path: Path, content: bytes, complaint: str) -> None:
    path = tmp_path / "key"
    path.write_bytes(content)
    with pytest.raises(KeyFileUnusable, match=complaint):
        read_api_key(path)


def test_a_missing_key_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(KeyFileUnusable, match=r"cannot read .*nothing: No such file"):
        read_api_key(tmp_path / "nothing")
    with pytest.raises(KeyFileUnusable, match="Is a directory"):
        read_api_key(tmp_path)
