"""A recording the student sent as a whole: decoded and transcribed."""

from __future__ import annotations

from collections.abc import Callable

from engine.audio.decoding import decode
from engine.conversation.parts import Parts
from engine.errors import NoSpeech
from engine.items import Transcript


async def transcribe_recording(
    parts: Parts, data: bytes, languages: str, listened: Callable[[int], None]
) -> Transcript:
    """What is said in a recording.

    Args:
        parts: with the decoder and the recognizer.
        data: a whole file.
        languages: of the speech, as a ``Recognizer`` takes them.
        listened: is told how many samples it has.

    Raises:
        UnreadableMedia, TooLarge: the file cannot be decoded, or is too long.
        NoSpeech: nobody speaks in it.
        RecognitionFailed: the model failed.
    """
    settings = parts.settings
    pcm = await parts.decoder.run(
        decode,
        data,
        max_bytes=settings.limits.message_bytes,
        max_seconds=settings.limits.audio_s,
        max_decode_s=settings.limits.decode_s,
    )
    listened(len(pcm))
    transcript = await parts.recognizer.transcribe(pcm, languages)
    if not transcript.text:
        raise NoSpeech("no speech was found in the recording")
    return transcript
