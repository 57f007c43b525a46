"""The effective settings by their documented names: what `.env` beside the rendered files holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aisuite.profile.dependencies import GATEWAY, running_services
from aisuite.profile.effective import effective_variables

if TYPE_CHECKING:
    from aisuite.profile.model import Profile
    from aisuite.stack.places import Places

_URLS = {
    "API_GATEWAY_URL": GATEWAY,
    "EMBEDDING_URL": "embedding",
    "INFERENCE_CHAT_URL": "inference-chat",
    "INFERENCE_CODE_URL": "inference-code",
    "QDRANT_URL": "qdrant",
}
_A_CHOICE = "AISUITE_ENGINE"  # between engines; the same settings hold for each


def effective_settings(profile: Profile, places: Places) -> tuple[tuple[str, str], ...]:
    """Return variables sorted by name: the same for every engine, addresses as this machine calls them, no secrets."""
    running = running_services(profile)
    found = effective_variables(profile) | {
        "COMPOSE_PROJECT_NAME": places.site.project,
        "DATA_DIR": str(places.data),
        "MODELS_DIR": str(places.models),
        **{variable: places.published(name).url for variable, name in _URLS.items() if name in running},
    }
    del found[_A_CHOICE]
    return tuple(sorted(found.items()))
