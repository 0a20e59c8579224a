"""The renderer from settings: checked, loaded, its avatars on the device, every batch size run once.

Blocking for seconds to a minute; called once, before the engine is ready. Refuses with one
clear line instead of drawing with anything else.
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
        SettingsError: no CUDA device and none was waived, or the default avatar is no MuseTalk avatar.
        ModelMissing: a library or a weight file is not there; names it, its folder and the remedy.
    """
    device = choose_device(settings.device)
    networks = load_networks(settings.models_dir, device, settings.musetalk.decoder)
    renderer = MuseTalkRenderer(networks, avatars_dirs, use_graphs=settings.musetalk.graphs)
    # Reading an avatar takes about a second, which no session's start should wait for.
    for avatar in renderer.list_avatars():
        try:
            renderer.load(avatar.id)
        except UnknownAvatar as error:
            log.warning("avatar is broken", avatar=avatar.id, reason=error.message)
    try:
        renderer.load(settings.avatar)
    except UnknownAvatar as error:
        known = ", ".join(avatar.id for avatar in renderer.list_avatars()) or "none yet"
        raise SettingsError(
            f"renderer musetalk: avatar {settings.avatar}: {error.message}. There are: {known}. Choose one with "
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
