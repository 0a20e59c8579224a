"""A reply's timeline as the spans of a trace."""

from __future__ import annotations

from engine.settings import Settings
from engine.telemetry.timeline import Timeline
from engine.telemetry.tracing import Attributes, StageSpan


def stage_spans(timeline: Timeline, begun_at: float, ended_at: float, chat: Attributes | None) -> list[StageSpan]:
    """The stages a reply has reached, in order; they overlap, as they did.

    Args:
        timeline: of the reply.
        begun_at: when it was begun, seconds on the loop's clock; a preemptive one before the timeline's start.
        ended_at: when it ended, however it did.
        chat: attributes of the request to the language model; None when it was not asked.
    """
    marks = {name: timeline.start + ms / 1000 for name, ms in timeline.marks.items()}
    spans: list[StageSpan] = []

    def add(name: str, began: float | None, ended: str, first: str = "", attributes: Attributes | None = None) -> None:
        if began is not None:
            note = (first, marks[first]) if first in marks else None
            client = attributes is not None
            spans.append(StageSpan(name, began, marks.get(ended, ended_at), attributes or {}, client, note))

    if "committed" in marks:
        add("listen", timeline.start, "committed")
        add("recognise", marks.get("listen_silence"), "listen_transcript")
    elif "asr_done" in marks:
        add("recognise", timeline.start, "asr_done")
    add("prompt", begun_at, "prompt")
    if chat is not None:
        add(f"chat {chat['gen_ai.request.model']}", marks.get("prompt"), "llm_done", "llm_first_token", chat)
    else:
        add("think", marks.get("prompt"), "llm_done", "first_clause")
    if "tts_first" in marks:
        add("speak", marks.get("first_clause"), "tts_done", "tts_first")
        add("render", marks["tts_first"], "render_done", "first_picture")
    if "first_picture" in marks:
        add("send", marks["first_picture"], "sent", "first_media_sent")
    return spans


def chat_attributes(settings: Settings, input_tokens: int, output_tokens: int) -> Attributes:
    """Of the request to the language model, by OpenTelemetry's conventions for generative AI."""
    llm = settings.llm
    return {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "llama.cpp" if llm.base_url is None else "openai",
        "gen_ai.output.type": "text",
        "gen_ai.request.model": llm.model,
        "gen_ai.request.max_tokens": llm.max_tokens,
        "gen_ai.usage.input_tokens": input_tokens,
        "gen_ai.usage.output_tokens": output_tokens,
    }
