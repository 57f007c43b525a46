"""What a profile may say, and its owner probably does not mean."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from aisuite.profile.dependencies import unasked_encoders

if TYPE_CHECKING:
    from aisuite.profile.model import Profile

_ENGLISH_ONLY = re.compile(r"bge-(small|base|large)-en|all-minilm-l\d", re.IGNORECASE)


def warn(profile: Profile) -> tuple[str, ...]:
    """Return what is allowed, but is probably not what the owner thinks."""
    warnings = []
    if not profile.bind.is_loopback:
        warnings.append(f"bind is {profile.bind}: every service can be reached from outside this machine")
    if _ENGLISH_ONLY.search(profile.services.embedding.model):
        warnings.append(
            f"{profile.services.embedding.model} was made for English only: other languages are hardly found"
        )
    routed = {model for targets in profile.routes.values() for model in targets}
    warnings += [
        f"model {name!r} is in no route: no client can ask for it"
        for name, model in profile.models.items()
        if model.serves == "chat" and name not in routed
    ]
    warnings += [
        f"model {name!r} serves {profile.models[name].serves}, and no service asks for it; leave it out by "
        f"`models: {{{name}: null}}`"
        for name in unasked_encoders(profile)
    ]
    return tuple(warnings)
