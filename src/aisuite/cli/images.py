"""Commands about container images."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aisuite.cli.options import Demo, Offline, Phase, ProfileName, Session, command, pull_policy

if TYPE_CHECKING:
    from aisuite.ops.image_bundle import BundleReport
    from aisuite.ops.image_lock import LockReport
    from aisuite.ops.images import ImagesReport, NeededImage
    from aisuite.ports import Folder
    from aisuite.stack.model import Stack

images = typer.Typer(help="Container images: fetched, made, carried and locked.", rich_markup_mode=None)

Bundle = Annotated[Path, typer.Argument(help="The bundle: a folder with one file for each image.")]


def register(app: typer.Typer) -> None:
    """Add these commands to the app."""
    for function in (list_, pull, build, save, load, lock, verify):
        images.command(function.__name__.rstrip("_"))(function)
    app.add_typer(images, name="images", no_args_is_help=True)


@command("images.list")
def list_(session: Session, phase: Phase = None, profile: ProfileName = None, demo: Demo = False) -> int:
    """Show every image that a profile's containers need: which services use it, whether it is here."""
    from aisuite.cli.wiring import open_images
    from aisuite.ops.image_lock import read_lock
    from aisuite.ops.images import list_images

    needed = _needed(session, phase, profile, demo)
    return _show(session, list_images(needed, open_images(), read_lock(_here())))


@command("images.pull")
def pull(
    session: Session,
    phase: Phase = None,
    profile: ProfileName = None,
    demo: Demo = False,
    policy: Annotated[
        str, typer.Option("--policy", metavar="POLICY", help="always, missing, or never: then what is missing is said.")
    ] = "missing",
    offline: Offline = False,
) -> int:
    """Fetch the images that are missing, by their digest where one is locked. What has come is kept."""
    from aisuite.cli.progress import PullProgress
    from aisuite.cli.wiring import open_images
    from aisuite.ops.image_lock import read_lock
    from aisuite.ops.images import pull_images

    chosen = pull_policy("aisuite images pull --policy", policy, offline=offline)
    needed, locked = _needed(session, phase, profile, demo), read_lock(_here())
    with PullProgress(session.out) as progress:
        report = pull_images(needed, open_images(), locked, policy=chosen, progress_for=progress.bar)
    return _show(session, report)


@command("images.build")
def build(
    session: Session,
    phase: Phase = None,
    profile: ProfileName = None,
    demo: Demo = False,
    base: Annotated[
        str | None,
        typer.Option(
            "--base", metavar="IMAGE", help="Image with Python 3.11 or newer; or the profile's images.service_base."
        ),
    ] = None,
    vectordb: Annotated[bool, typer.Option("--vectordb", help="With the embedded vector store.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Also when nothing has changed.")] = False,
) -> int:
    """Make the image of our own services from this installation; nothing is downloaded inside it."""
    from aisuite.cli.progress import CountProgress
    from aisuite.cli.wiring import open_images
    from aisuite.ops.images import build_image, needed_images
    from aisuite.ports import Recipe

    stack = _stack(session, phase, profile, demo)
    with CountProgress(session.out, "building") as progress:
        report = build_image(
            needed_images(stack),
            open_images(),
            Recipe(base or stack.service_base, vectordb),
            force=force,
            progress_for=lambda _image: lambda _stage, done, total: progress(done, total),
        )
    return _show(session, report)


@command("images.save")
def save(session: Session, folder: Bundle, phase: Phase = None, profile: ProfileName = None, demo: Demo = False) -> int:
    """Write all images of a profile into a folder, with their checksums, for a machine without a network."""
    from aisuite.cli.progress import PullProgress
    from aisuite.cli.wiring import open_images, open_shared
    from aisuite.ops.image_bundle import save_images

    needed = _needed(session, phase, profile, demo)
    with PullProgress(session.out) as progress:
        report = save_images(needed, open_images(), open_shared(folder), progress_for=progress.bar)
    return _show_bundle(session, report)


@command("images.load")
def load(session: Session, folder: Bundle) -> int:
    """Give the images of a saved folder to Docker, after all their checksums were found right."""
    from aisuite.cli.progress import PullProgress
    from aisuite.cli.wiring import open_images, open_shared
    from aisuite.ops.image_bundle import load_images

    with PullProgress(session.out) as progress:
        report = load_images(open_images(), open_shared(folder), progress_for=progress.bar)
    return _show_bundle(session, report)


@command("images.lock")
def lock(session: Session, phase: Phase = None, profile: ProfileName = None, demo: Demo = False) -> int:
    """Write down which bytes each tag stands for here, into aisuite-images.lock in this folder."""
    from aisuite.cli.wiring import open_images
    from aisuite.ops.image_lock import lock_images

    return _show_lock(session, lock_images(_needed(session, phase, profile, demo), open_images(), _here()))


@command("images.verify")
def verify(session: Session, phase: Phase = None, profile: ProfileName = None, demo: Demo = False) -> int:
    """Compare the images that are here with the lock; what differs ends with exit code 8."""
    from aisuite.cli.wiring import open_images
    from aisuite.ops.image_lock import verify_images

    return _show_lock(session, verify_images(_needed(session, phase, profile, demo), open_images(), _here()))


def _needed(session: Session, phase: int | None, profile: str | None, demo: bool) -> tuple[NeededImage, ...]:
    from aisuite.ops.images import needed_images

    return needed_images(_stack(session, phase, profile, demo))


def _stack(session: Session, phase: int | None, profile: str | None, demo: bool) -> Stack:
    from aisuite.cli.choice import Choice
    from aisuite.cli.wiring import wire

    return wire(Choice(profile, phase, demo, "docker"), session.project, session.state).stack


def _here() -> Folder:
    from aisuite.cli.wiring import open_shared

    return open_shared(Path.cwd())


def _show(session: Session, report: ImagesReport) -> int:
    from aisuite.cli.view import images as view

    return session.out.show(view.images_json(report), view.images_text(report, session.out), report.exit_code)


def _show_bundle(session: Session, report: BundleReport) -> int:
    from aisuite.cli.view import images as view

    return session.out.show(view.bundle_json(report), view.bundle_text(report, session.out), report.exit_code)


def _show_lock(session: Session, report: LockReport) -> int:
    from aisuite.cli.view import images as view

    return session.out.show(view.lock_json(report), view.lock_text(report, session.out), report.exit_code)
