"""What a client is told of what the listener heard. Pure."""

from __future__ import annotations

from engine.protocol import outgoing
from engine.turn_taking import events as heard


def told(event: heard.ListenEvent) -> outgoing.Event | None:
    """The message, or None for what is nobody's business or told with more (a turn, an interruption, an error)."""
    match event:
        case heard.SpeechStarted(ms=ms):
            return outgoing.SpeechStartedEvent(ms=round(ms))
        case heard.SpeechStopped(ms=ms):
            return outgoing.SpeechStoppedEvent(ms=round(ms))
        case heard.Partial(transcript=partial):
            return outgoing.PartialTranscriptionEvent(content=partial.text, stable=len(partial.stable))
        case heard.Duck(ms=ms):
            return outgoing.DuckEvent(ms=round(ms))
        case heard.Resume(reason=reason):
            return outgoing.ResumeEvent(reason=reason)
        case heard.NoSpeech(ms=ms):
            return outgoing.NoSpeechEvent(ms=round(ms))
        case _:
            return None
