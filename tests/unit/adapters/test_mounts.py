"""Which file system a folder is on."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from aisuite.adapters.mounts import file_system_of

MOUNTS = """\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 22 0:30 / /mnt/c rw,noatime - 9p C:\\134 rw,dirsync
31 22 0:31 / /my\\040data rw shared:2 master:1 - nfs4 host:/x rw
32 22 0:32 / /over rw - ext4 /dev/sdb rw
33 22 0:33 / /over rw - tmpfs none rw
"""


def test_the_deepest_mount_above_a_folder_counts() -> None:
    assert file_system_of(MOUNTS, "/mnt/c/Users/data") == "9p"
    assert file_system_of(MOUNTS, "/mnt/cd") == "ext4"
    assert file_system_of(MOUNTS, "/my data/x") == "nfs4"


def test_of_two_mounts_on_one_place_the_later_one_counts() -> None:
    assert file_system_of(MOUNTS, "/over/x") == "tmpfs"


def test_nothing_is_known_where_the_kernel_lists_nothing() -> None:
    assert file_system_of("", "/data") == ""


@given(st.text(), st.text(alphabet="abc/ ").map(lambda tail: "/" + tail))
def test_no_text_breaks_the_reading(mountinfo: str, path: str) -> None:
    assert isinstance(file_system_of(mountinfo, path), str)
