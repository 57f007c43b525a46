import pytest
from hypothesis import given
from hypothesis import strategies as st

from aisuite.units import Mib, Port, Seconds


@pytest.mark.parametrize(
    ("text", "mib"),
    [
        ("6GiB", 6144),
        ("6G", 6144),
        ("6 gib", 6144),
        ("6GB", 5722),
        ("512MiB", 512),
        ("1.5GiB", 1536),
        ("2048KiB", 2),
        ("1023KiB", 0),
        ("1048576B", 1),
        ("0GiB", 0),
        (" 1 MiB ", 1),
    ],
)
def test_a_size_is_read_with_its_unit(text: str, mib: int) -> None:
    assert Mib.parse(text) == mib


@pytest.mark.parametrize(
    "text", ["", "6", "GiB", "-1GiB", "6 apples", "1e3GiB", "6GiBGiB", "٣GiB", "9" * 400 + "GiB", "1.GiB"]
)
def test_a_size_without_sense_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a size; write it with a unit"):
        Mib.parse(text)


@given(st.integers(0, 10**9))
def test_a_size_is_read_as_it_is_written(mib: int) -> None:
    assert Mib.parse(str(Mib(mib))) == mib
    assert Mib(mib).bytes == mib * 1024 * 1024


@pytest.mark.parametrize(
    ("text", "seconds"), [("60", 60), ("60s", 60), ("500ms", 0.5), ("2m", 120), ("1h", 3600), ("1.5 s", 1.5), ("0", 0)]
)
def test_a_duration_is_read_with_or_without_its_unit(text: str, seconds: float) -> None:
    assert Seconds.parse(text) == seconds


@pytest.mark.parametrize("text", ["", "s", "-1s", "1 day", "1e3", "inf", "nan", "9" * 400, "1h30m"])
def test_a_duration_without_sense_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration"):
        Seconds.parse(text)


@given(st.integers(1, 86_400_000))
def test_a_duration_is_read_as_it_is_written(milliseconds: int) -> None:
    duration = Seconds(milliseconds / 1000)
    assert Seconds.parse(str(duration)) == duration


@pytest.mark.parametrize("port", [1, 80, 65535])
def test_a_port_is_a_port(port: int) -> None:
    assert Port.parse(port) == port


@pytest.mark.parametrize("port", [0, -1, 65536])
def test_a_port_out_of_range_is_refused(port: int) -> None:
    with pytest.raises(ValueError, match=f"{port} is not a port; ports are 1 to 65535"):
        Port.parse(port)
