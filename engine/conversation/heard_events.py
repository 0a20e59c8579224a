"""What a client is told of what the listener heard. Pure."""

from __future__ import annotations

from engine.conversation.sink import Event
from engine.turn_taking import events as heard


def told(event: heard.ListenEvent) -> Event | None:
    """The message, or None for what is nobody's business or told with more (a turn, an interruption, an error)."""
    match event:
        case heard.SpeechStarted(ms=ms):
            return {"type": "speech_started", "ms": round(ms)}
        case heard.SpeechStopped(ms=ms):
            return {"type": "speech_stopped", "ms": round(ms)}
        case heard.Partial(transcript=partial):
            return {"type": "partial_transcription", "content": partial.text, "role": "user",
                    "stable": len(partial.stable)}  # fmt: skip
        case heard.Duck(ms=ms):
            return {"type": "duck", "ms": round(ms)}
        case heard.Resume(reason=reason):
            return {"type": "resume", "reason": reason}
        case heard.NoSpeech(ms=ms):
            return {"type": "no_speech", "ms": round(ms)}
        case _:
            return None
