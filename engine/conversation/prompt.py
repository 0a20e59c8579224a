"""The prompt of a reply: the dialogue, the question, and what the knowledge base has on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from engine.contracts import Message
from engine.conversation.parts import Parts
from engine.conversation.reply_context import ReplyOptions
from engine.errors import EngineError
from engine.knowledge.follow_up import search_query
from engine.knowledge.prompt import knowledge_prompt
from engine.knowledge.terms import asks_something
from engine.llm.history import ChatHistory
from engine.protocol.outgoing import SourcePassage

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Prompt:
    """The messages for the language model, and where the facts in them come from."""

    messages: Sequence[Message]

    sources: tuple[SourcePassage, ...] | None = None
    """Passages of the knowledge base that are in the messages; None when the session has no knowledge base."""

    opening: str = ""
    """Said at once, while a slow model reads a long prompt; may be empty."""


async def build_prompt(parts: Parts, options: ReplyOptions, history: ChatHistory, question: str) -> Prompt:
    """The prompt for ``question``, the student's words. A knowledge base that fails is logged and left out.

    The starter course is only quoted: what it does not say, the model answers as if there were no course.
    """
    if options.kb_id is None or parts.knowledge.built_in(options.kb_id):
        return Prompt(history.messages(question))
    query = search_query(question, history.asked_before(question))
    if not query:
        return Prompt(history.messages(question), ())
    settings, profile = parts.settings, options.profile
    try:
        found = await parts.knowledge.search(options.kb_id, query, settings.knowledge.found)
    except EngineError as error:
        log.warning("knowledge_base_failed", session=options.session, code=error.code)
        found = []
    embedded = settings.llm.base_url is None
    if not found and not asks_something(question):
        # A follow-up such as "Why?" to a question without an answer: the tutor has already said that it is not covered.
        return Prompt(history.messages(question), ())
    if not found and embedded:
        # A small model cannot be relied on to say so itself.
        return Prompt(history.messages(question), (), profile.nothing_found)
    notes = knowledge_prompt(found, settings.knowledge.tokens, profile.nothing_found)
    opening = ""
    if found and embedded and options.avatar is not None and profile.openings:
        # The model has to read the notes before it can answer.
        opening = profile.openings[len(history) % len(profile.openings)]
    sources = tuple(SourcePassage.model_validate(passage.source()) for passage in found)
    return Prompt(history.messages(question, knowledge=notes), sources, opening)
