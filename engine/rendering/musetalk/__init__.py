"""The MuseTalk renderer: a recorded or photographed face whose mouth a network paints.

``configs`` and ``weights`` build and load the networks, ``ears`` hears a turn's sound for them,
``generator`` (and its CUDA ``graphs``) paints mouths, ``blending`` puts them into pictures,
``avatar_files`` is the format of an avatar, ``preparation`` and ``conversion`` make one, and
``renderer`` joins all of it behind ``contracts.Renderer``. Needs the extra ``musetalk``.
"""
