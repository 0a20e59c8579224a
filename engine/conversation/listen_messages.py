"""The listen events that are passed on to the client, and their messages. Pure."""

from __future__ import annotations

from engine.protocol import outgoing
from engine.turn_taking import events as listening


def listen_message(event: listening.ListenEvent) -> outgoing.Event | None:
    """The message for ``event``. None if it is not passed on, or if the conversation itself sends one with more in
    it (for the end of a user turn, an interruption or an error)."""
    match event:
        case listening.SpeechStarted(ms=ms):
            return outgoing.SpeechStartedEvent(ms=round(ms))
        case listening.SpeechStopped(ms=ms):
            return outgoing.SpeechStoppedEvent(ms=round(ms))
        case listening.Partial(transcript=partial):
            return outgoing.PartialTranscriptionEvent(content=partial.text, stable=len(partial.stable))
        case listening.Duck(ms=ms):
            return outgoing.DuckEvent(ms=round(ms))
        case listening.Resume(reason=reason):
            return outgoing.ResumeEvent(reason=reason)
        case listening.NoSpeechHeard(ms=ms):
            return outgoing.NoSpeechEvent(ms=round(ms))
        case _:
            return None
