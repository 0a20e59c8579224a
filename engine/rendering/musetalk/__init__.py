"""The MuseTalk renderer: a filmed or photographed face whose mouth a network paints.

``configs`` and ``weights`` build and load the networks. ``audio_features`` turns a reply's audio into their
input, ``generator`` (with its CUDA ``graphs``) paints mouths, and ``blending`` pastes them into pictures.
``avatar_files`` is the format of an avatar; ``preparation`` and ``conversion`` make one. ``renderer`` joins all of
it behind ``contracts.Renderer``. Needs the extra ``musetalk``.

Source: Zhang et al., "MuseTalk: Real-Time High-Fidelity Video Dubbing via Spatio-Temporal Sampling",
arXiv:2410.10122, and the code at github.com/TMElyralab/MuseTalk.
"""
