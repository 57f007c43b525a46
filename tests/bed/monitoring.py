"""Prometheus and Alertmanager of Debian, with the places, user and programs of the published images."""

from __future__ import annotations

import os
from pathlib import Path

from tests.bed.debian import Packages

_PACKAGES = ("base-files", "libc-bin", "busybox", "ca-certificates")
_NOBODY = 65534


def prometheus_root(apt: Path, root: Path) -> None:
    """Fill a folder with Prometheus."""
    _unpack(apt, "prometheus", root)
    _give_data_folder(root / "prometheus")


def alertmanager_root(apt: Path, root: Path) -> None:
    """Fill a folder with Alertmanager; Debian has other names for its program and its configuration's place."""
    _unpack(apt, "prometheus-alertmanager", root)
    (root / "usr/bin/alertmanager").symlink_to("prometheus-alertmanager")
    (root / "etc/alertmanager").mkdir()
    (root / "etc/prometheus/alertmanager.yml").rename(root / "etc/alertmanager/alertmanager.yml")
    _give_data_folder(root / "alertmanager")


def changes(program: str, storage: str, port: int) -> tuple[str, ...]:
    """Return the image's own settings, as the published image has them."""
    return (
        f'ENTRYPOINT ["/bin/{program}"]',
        f'CMD ["--config.file=/etc/{program}/{program}.yml", "{storage}=/{program}"]',
        f"WORKDIR /{program}",
        f"EXPOSE {port}",
        "USER nobody",
    )


def _unpack(apt: Path, package: str, root: Path) -> None:
    Packages("sid", apt).unpack_closure((*_PACKAGES, package), root)
    for applet in ("sh", "wget", "ls", "cat"):  # the published images have busybox, and nothing else beside
        link = root / "usr/bin" / applet
        link.unlink(missing_ok=True)
        link.symlink_to("busybox")


def _give_data_folder(folder: Path) -> None:
    folder.mkdir()
    os.chown(folder, _NOBODY, _NOBODY)
