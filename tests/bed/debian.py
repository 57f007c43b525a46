"""Take Debian packages of any suite, without installing them: download, verify, unpack."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import threading
import time
from contextlib import suppress
from pathlib import Path

from tests.bed.place import BedError, run

_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_FRESH = 24 * 3600  # seconds for which a list of packages is good enough
_PATIENCE = 120  # seconds
_NOT_RUN = ("doc", "man", "locale", "info", "lintian", "bug")  # below usr/share: nothing that runs reads them
_ONE_APT = threading.Lock()  # a second one on the same lists does not wait, it fails


class Packages:
    """The packages of one suite; its lists lie in `folder`, apart from those of the machine."""

    def __init__(self, suite: str, folder: Path) -> None:
        self._suite = suite
        self._folder = folder / suite

    def unpack(self, names: tuple[str, ...], target: Path) -> None:
        """Unpack just these packages: what they need is on the machine."""
        self._unpack("download", names, target)

    def unpack_closure(self, names: tuple[str, ...], target: Path) -> None:
        """Unpack these packages with all that they need, as a root file system.

        No maintainer script runs, so what those would do for us is done here.
        """
        _make_skeleton(target)
        self._unpack("closure", names, target)
        _finish_root(target)

    def _unpack(self, how: str, names: tuple[str, ...], target: Path) -> None:
        target.mkdir(parents=True, exist_ok=True)
        archives = target.with_name(f"{target.name}.debs")  # its own: whatever lies there is wanted
        shutil.rmtree(archives, ignore_errors=True)
        (archives / "partial").mkdir(parents=True)
        with _ONE_APT:
            options = self._options(archives)
            if how == "download":
                _run_in(archives, ["apt-get", *options, "-qq", "download", *names])
            else:
                run(["apt-get", *options, "-qq", "-y", "--download-only", "install", *names])
        for package in sorted(archives.glob("*.deb")):
            run(["dpkg", "-x", str(package), str(target)])
        shutil.rmtree(archives)

    def _options(self, archives: Path) -> list[str]:
        lists, status = self._folder / "lists", self._folder / "status"
        (lists / "partial").mkdir(parents=True, exist_ok=True)
        status.touch()  # nothing is installed: apt then downloads the whole closure
        source = self._folder / "sources.list"
        source.write_text(f"deb [signed-by={_KEYRING}] {_mirror()} {self._suite} main\n")
        options = {
            "Dir::Etc::SourceList": source,
            "Dir::Etc::SourceParts": "/dev/null",
            "Dir::Etc::PreferencesParts": "/dev/null",
            "Dir::State::Lists": lists,
            "Dir::State::Status": status,
            "Dir::Cache": self._folder,
            "Dir::Cache::Archives": archives,
            "Acquire::Languages": "none",
            "APT::Install-Recommends": "false",
            "APT::Sandbox::User": "root",  # apt's own user may not enter the bed's folder
        }
        words = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
        if not any(time.time() - file.stat().st_mtime < _FRESH for file in lists.glob("*Packages*")):
            run(["apt-get", *words, "-qq", "update"])
        return words


def install_on_machine(programs: dict[str, str]) -> None:
    """Install the packages of programs that this machine lacks. Raises BedError."""
    missing = sorted(package for program, package in programs.items() if shutil.which(program) is None)
    if missing:
        os.environ["DEBIAN_FRONTEND"] = "noninteractive"
        run(["apt-get", "-qq", "update"])
        patient = ["-o", f"DPkg::Lock::Timeout={_PATIENCE}"]  # a machine just switched on updates itself
        run(["apt-get", *patient, "-qq", "-y", "--no-install-recommends", "install", *missing])


def refuse_other_systems() -> None:
    """Raise BedError where the bed cannot work at all."""
    if os.geteuid() != 0:
        raise BedError("a Docker Engine of one's own needs root", "sudo tests/bed/bed up")
    if not _KEYRING.exists() or shutil.which("apt-get") is None:
        raise BedError("the bed is made from Debian packages; this machine is not Debian 12 or newer")


def _mirror() -> str:
    """Return the mirror that this machine uses itself; the lists need not be there for that."""
    listed = run(["apt-get", "indextargets", "--no-release-info", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT)"])
    releases = {platform.freedesktop_os_release().get("VERSION_CODENAME"), "stable", "testing", "unstable", "sid"}
    for uri, release, component in (line.split() for line in listed.splitlines() if len(line.split()) == 3):
        if component == "main" and release in releases:
            return uri
    return "http://deb.debian.org/debian"


def _run_in(folder: Path, argv: list[str]) -> None:
    run(["env", f"--chdir={folder}", *argv])


def _make_skeleton(root: Path) -> None:
    """Merge /usr before anything is unpacked; packages still carry files for both ways."""
    for name in ("bin", "sbin", "lib", "lib64"):
        (root / "usr" / name).mkdir(parents=True, exist_ok=True)
        (root / name).symlink_to(f"usr/{name}")
    for name in ("dev", "etc", "proc", "root", "run", "sys", "tmp", "var/lib", "var/tmp"):
        (root / name).mkdir(parents=True, exist_ok=True)
    for name in ("tmp", "var/tmp"):
        (root / name).chmod(0o1777)


def _finish_root(root: Path) -> None:
    users = ("root:x:0:0:root:/root:/bin/sh", "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin")
    (root / "etc/passwd").write_text("".join(f"{user}\n" for user in users))
    (root / "etc/group").write_text("root:x:0:\nnogroup:x:65534:\n")
    (root / "etc/nsswitch.conf").write_text("hosts: files dns\n")
    _link(root / "usr/bin/sh", "dash")
    for python in sorted((root / "usr/bin").glob("python3.[0-9]*")):
        _link(root / "usr/bin/python3", python.name)
        _link(root / "usr/bin/python", "python3")
    certificates = sorted((root / "usr/share/ca-certificates").rglob("*.crt"))
    (root / "etc/ssl/certs").mkdir(parents=True, exist_ok=True)
    (root / "etc/ssl/certs/ca-certificates.crt").write_bytes(b"".join(file.read_bytes() for file in certificates))
    for name in _NOT_RUN:
        shutil.rmtree(root / "usr/share" / name, ignore_errors=True)
    subprocess.run(["ldconfig", "-r", str(root)], check=True)


def _link(path: Path, target: str) -> None:
    with suppress(FileNotFoundError):
        path.unlink()
    path.symlink_to(target)
