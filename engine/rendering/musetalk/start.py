"""Opens the MuseTalk renderer from the settings: networks loaded, avatars on the device.

Blocks for seconds to a minute; called once, before the engine is ready. If it cannot, it says why in one line; it
never falls back to another renderer.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import structlog

from engine.errors import SettingsError, UnknownAvatar
from engine.rendering.musetalk.avatar_factory import MuseTalkAvatarFactory
from engine.rendering.musetalk.renderer import MuseTalkRenderer
from engine.rendering.musetalk.weights import choose_device, load_networks, weights_folder
from engine.settings import Settings

log = structlog.get_logger(__name__)


def open_renderer(settings: Settings, avatars_dirs: Sequence[Path]) -> MuseTalkRenderer:
    """A renderer whose avatars are loaded.

    Raises:
        SettingsError: there is no CUDA device and the CPU was not asked for, or ``avatar`` is not a MuseTalk avatar.
        ModelMissing: a library or a file of weights is missing; the message names it, its folder and the remedy.
    """
    device = choose_device(settings.device)
    networks = load_networks(settings.models_dir, device, settings.musetalk.decoder)
    renderer = MuseTalkRenderer(networks, avatars_dirs, use_graphs=settings.musetalk.graphs)
    # Reading an avatar takes about a second, which no session should wait for.
    for avatar in renderer.list_avatars():
        try:
            renderer.load(avatar.id)
        except UnknownAvatar as error:
            log.warning("avatar_unusable", avatar=avatar.id, reason=error.message)
    try:
        renderer.load(settings.avatar)
    except UnknownAvatar as error:
        known = ", ".join(avatar.id for avatar in renderer.list_avatars()) or "none yet"
        raise SettingsError(
            f"renderer musetalk: avatar {settings.avatar}: {error.message}. Available: {known}. Choose one with "
            "ENGINE_AVATAR, or make one in ENGINE_AVATARS_DIR: python -m engine avatars prepare NAME VIDEO"
        ) from None
    return renderer


def open_avatar_factory(settings: Settings) -> MuseTalkAvatarFactory:
    """What makes avatars for this renderer. Loads nothing yet.

    Raises:
        SettingsError: no CUDA device and none was waived.
    """
    return MuseTalkAvatarFactory(
        weights_folder(settings.models_dir), choose_device(settings.device), settings.video.size
    )
