"""Files encrypted with age, as its own tool reads them: age --decrypt --identity KEY FILE."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aisuite.adapters.durable import create_private
from aisuite.errors import BackupFailed, UsageError

if TYPE_CHECKING:
    from pathlib import Path


class AgeFiles:
    """Encrypts for one recipient: an age public key (age1...) or an SSH public key. Raises UsageError for others."""

    def __init__(self, recipient: str) -> None:
        import pyrage  # type: ignore[import-untyped]

        kind: Any = pyrage.ssh if recipient.startswith("ssh-") else pyrage.x25519
        try:
            self._recipient = kind.Recipient.from_str(recipient)
        except pyrage.RecipientError as err:
            message = f"{recipient!r} is no public key of age ({err})"
            raise UsageError(message, "age-keygen -o backup.key   # prints one; keep that file elsewhere") from err

    def seal(self, source: Path, target: Path) -> None:
        """Encrypt a file into a new 0600 file. Raises BackupFailed."""
        import pyrage

        try:
            sealed = pyrage.encrypt(source.read_bytes(), [self._recipient])
            with create_private(target) as file:
                file.write(sealed)
        except (OSError, pyrage.EncryptError) as err:
            raise BackupFailed(f"cannot encrypt {source}: {err}", f"ls -l {source}") from err
