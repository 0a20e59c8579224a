"""Every error the engine raises on purpose, each with its wire code and HTTP status.

A caller can tell its own errors (4xx) from the engine's (5xx). ``message`` is safe to show to a
student: it names the field and the limit, never a token, a path of this machine or the
student's words.
"""

from __future__ import annotations


class EngineError(Exception):
    """Base class. ``code`` is sent on the wire, ``status`` over HTTP."""

    code = "internal"
    status = 500

    def __init__(self, message: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.retry_after_s = retry_after_s

    def to_wire(self) -> dict[str, object]:
        """Fields ``code``, ``message`` and, where it helps, ``retry_after`` (seconds)."""
        wire: dict[str, object] = {"code": self.code, "message": self.message}
        if self.retry_after_s is not None:
            wire["retry_after"] = self.retry_after_s
        return wire


# --- the caller's errors -------------------------------------------------------------------


class BadRequest(EngineError):
    """Malformed: not JSON, not an object, wrong content type."""

    code, status = "bad_request", 400


class InvalidField(EngineError):
    """A field is missing, of the wrong type or out of range; the message names it."""

    code, status = "invalid_field", 422


class UnknownType(EngineError):
    """A message ``type`` the protocol does not have."""

    code, status = "unknown_type", 422


class Unauthorized(EngineError):
    """No credentials, or bad or expired ones."""

    code, status = "unauthorized", 401


class Forbidden(EngineError):
    """Valid credentials, but not for this object."""

    code, status = "forbidden", 403


class NotFound(EngineError):
    """No such route or object."""

    code, status = "not_found", 404


class UnknownSession(NotFound):
    """No live session has this id."""

    code = "unknown_session"


class UnknownAvatar(EngineError):
    """No avatar has this id (ids that look like paths end here too)."""

    code, status = "unknown_avatar", 422


class Conflict(EngineError):
    """The object is not in a state that allows this."""

    code, status = "conflict", 409


class TooLarge(EngineError):
    """A body, message or recording beyond its limit."""

    code, status = "too_large", 413


class UnsupportedMedia(EngineError):
    """A body of a type or encoding that is not taken here."""

    code, status = "unsupported_media_type", 415


class UnreadableMedia(EngineError):
    """Bytes that cannot be decoded as audio or pictures."""

    code, status = "unreadable_media", 415


class NoSpeech(EngineError):
    """A recording in which nobody speaks."""

    code, status = "no_speech", 422


class TooFast(EngineError):
    """More messages than the limit allows."""

    code, status = "too_fast", 429


# --- the engine's errors, or a neighbour's ---------------------------------------------------------------


class Busy(EngineError):
    """Full or draining; try again after ``retry_after_s``."""

    code, status = "busy", 503


class NotAvailable(EngineError):
    """Something this engine was installed or set up without; the message says how to get it."""

    code, status = "not_available", 501


class ReplyFailed(EngineError):
    """The reply could not be made; the session goes on, and the next reply may work."""

    code, status = "reply_failed", 502


class LanguageModelFailed(ReplyFailed):
    """The language model is down, slow, rate-limited or sends invalid data."""

    code = "llm_failed"


class SynthesisFailed(ReplyFailed):
    """The voice could not speak this clause."""

    code = "tts_failed"


class RecognitionFailed(ReplyFailed):
    """The recognizer failed on this recording."""

    code = "asr_failed"


class RenderFailed(ReplyFailed):
    """The face could not be drawn."""

    code = "render_failed"


class ModelMissing(EngineError):
    """A model file is missing or has the wrong hash; the message names the file, where it belongs and the remedy."""

    code, status = "model_missing", 500


class SettingsError(EngineError):
    """A setting has a value that is refused at start."""

    code, status = "settings", 500
