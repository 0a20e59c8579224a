"""What tutor and student have said, as the language model is told it.

Pure and synchronous; one per session. Only what was committed is in it: a dropped preemptive reply
never calls ``add_*``. A reply that was cut off keeps what was heard of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from engine.contracts import Message
from engine.text.control_marks import break_marks
from engine.text.scripts import is_unspaced
from engine.text.tokens import estimate_tokens

FRAGMENT_CHARS = 16
"""An answer cut off within so many characters is not shown to the model: shown a few, small models
begin to answer in one word themselves."""

FORGET_AT_ONCE = 4
"""A full window loses a quarter of itself at once, not an exchange at a time: every loss moves all
that follows, and the model has to read it again instead of finding it in its cache."""


def _harmless(message: Message) -> Message:
    return {"role": message["role"], "content": break_marks(message["content"])}


@dataclass(slots=True)
class _Entry:
    reply: int
    """Number of the reply: the tutor's own, or the one that answers the student's message; 0 for the greeting."""

    message: Message
    cut_off: bool = False
    reopened: bool = False
    """The student went on with it: a later message says it whole."""

    @property
    def fragment(self) -> bool:
        """Too little of an answer to learn from."""
        text = self.message["content"]
        return self.cut_off and len(text) + 2 * sum(map(is_unspaced, text)) <= FRAGMENT_CHARS


@dataclass(frozen=True, slots=True)
class HistoryMemory:
    """A dialogue as it is kept elsewhere: enough to go on with it."""

    entries: tuple[tuple[int, Literal["system", "user", "assistant"], str, bool, bool], ...]
    """Of each message: the reply's number, the role, the text, whether it was cut off, whether it was reopened."""
    withheld: tuple[int, ...]
    """Replies whose exchange no model is shown."""
    gone: int
    """Tokens of what was forgotten."""


class ChatHistory:
    """The dialogue so far, to the word. ``remembered`` tells it; ``messages`` is what a model is shown of it.

    Args:
        system_prompt: always sent, first.
        context_tokens: the model's window.
        reply_tokens: kept free for the answer.
        question_tokens: kept free for the question and what is looked up for it, at most a quarter of the window. So
            the window is cut when a reply ends, not when the student has asked and waits.
        greeting: what the tutor said before the student's first word, if anything.
        examples: (question, answer) pairs that show how the tutor talks; always sent, after the system prompt.
    """

    def __init__(
        self,
        system_prompt: str,
        *,
        context_tokens: int = 2048,
        reply_tokens: int = 160,
        question_tokens: int = 64,
        greeting: str = "",
        examples: Sequence[tuple[str, str]] = (),
    ) -> None:
        self._system_prompt = system_prompt.strip()
        self._budget = max(0, context_tokens - reply_tokens)
        self._asked = min(question_tokens, self._budget // 4)
        self._examples: list[Message] = []
        for question, answer in examples:
            self._examples += ({"role": "user", "content": question}, {"role": "assistant", "content": answer})
        self._entries: list[_Entry] = []
        self._withheld: set[int] = set()
        """Replies whose exchange no model is shown."""
        self._gone = 0
        """Tokens of the entries no window can reach any more."""
        if greeting:
            self._entries.append(_Entry(0, {"role": "assistant", "content": greeting}))

    def __len__(self) -> int:
        """Messages remembered, the system prompt not counted."""
        return len(self._entries)

    @property
    def remembered(self) -> list[Message]:
        """All that was said and is not yet forgotten, fragments included."""
        return [entry.message for entry in self._entries]

    def asked_before(self, text: str) -> list[str]:
        """What the student said, oldest first; without ``text`` where it is committed already."""
        asked = (e for e in self._entries if e.message["role"] == "user" and e.reply not in self._withheld)
        said = [e.message["content"] for e in asked]
        return said[:-1] if said and said[-1] == text and self._entries[-1].message["role"] == "user" else said

    def take_greeting(self) -> str:
        """The greeting, if nothing was said after it, else empty. Forgets it, because a reply is about to say it."""
        if len(self._entries) != 1 or self._entries[0].reply != 0:
            return ""
        return self._entries.pop().message["content"]

    def memory(self) -> HistoryMemory:
        """All of it, for another engine to go on with."""
        said = [(e, e.message) for e in self._entries]
        entries = tuple((e.reply, m["role"], m["content"], e.cut_off, e.reopened) for e, m in said)
        return HistoryMemory(entries, tuple(sorted(self._withheld)), self._gone)

    def recall(self, memory: HistoryMemory) -> None:
        """Go on with a dialogue that was begun elsewhere, in place of this one."""
        self._entries = [
            _Entry(reply, {"role": role, "content": content}, cut_off, reopened)
            for reply, role, content, cut_off, reopened in memory.entries
        ]
        self._withheld, self._gone = set(memory.withheld), memory.gone

    @property
    def unanswered(self) -> bool:
        """The student said something that no reply was made to."""
        return bool(self._entries) and self._entries[-1].message["role"] == "user"

    def take_unanswered(self) -> str:
        """What the student said last, if nothing answers it, else empty. Forgets it: the reply to it says it again."""
        return self._entries.pop().message["content"] if self.unanswered else ""

    def add_user(self, reply: int, text: str) -> None:
        """The student said this; ``reply`` is the number of the reply that answers it."""
        self._entries.append(_Entry(reply, {"role": "user", "content": text}))
        self._forget()

    def add_assistant(self, reply: int, text: str) -> None:
        """The text of reply number ``reply``; an empty one is not kept."""
        if text:
            self._entries.append(_Entry(reply, {"role": "assistant", "content": text}))

    def heard(self, reply: int, text: str) -> None:
        """Reply number ``reply`` was cut off: only ``text`` was heard. May be called again with more of it."""
        entry = next((e for e in self._entries if e.reply == reply and e.message["role"] == "assistant"), None)
        if entry is None:
            if any(e.reply == reply for e in self._entries):
                self._insert_reply(reply, text)
        elif text:
            entry.message, entry.cut_off = {"role": "assistant", "content": text}, True
        else:
            self._entries.remove(entry)

    def withhold(self, reply: int) -> None:
        """What was asked and said in the exchange of ``reply`` stays remembered, and no model is shown it."""
        self._withheld.add(reply)

    def reopen(self, reply: int) -> None:
        """The message that ``reply`` answers was not the whole user turn. The next one repeats it; both are kept."""
        for entry in self._entries:
            if entry.reply == reply and entry.message["role"] == "user":
                entry.reopened = True

    def messages(self, text: str = "", *, knowledge: str = "") -> list[Message]:
        """What to send: system prompt, the newest messages that fit, then ``text`` as the student's.

        Left out are fragments of answers, what the student said anew and whole before it was answered, and exchanges
        that were withheld.

        Args:
            text: what the student says now; it is not remembered by this call.
            knowledge: what was looked up for ``text``, put before it in the same message. The system
                prompt stays as it is whatever a document says.
        """
        head: list[Message] = [{"role": "system", "content": self._system_prompt}] if self._system_prompt else []
        head += self._examples
        asked = break_marks(f"{knowledge}\n\n{text}" if knowledge else text)
        tail: list[Message] = [{"role": "user", "content": asked}] if text else []
        shown = [entry for entry in self._entries if not entry.fragment and entry.reply not in self._withheld]
        answered = {entry.reply for entry in shown if entry.message["role"] == "assistant"}
        said = [entry.message for entry in shown if not entry.reopened or entry.reply in answered]
        if tail and said and said[-1] == {"role": "user", "content": text}:
            said.pop()  # committed already: it is the message that is being answered
        asking = max(self._asked, sum(estimate_tokens(m["content"]) for m in tail))
        left = self._budget - asking - sum(estimate_tokens(m["content"]) for m in head)
        kept = said[self._forgotten(said, left) :]
        # A window that opens with an answer to nothing confuses small models; the greeting may open it.
        while kept and kept[0]["role"] == "assistant" and len(kept) < len(said):
            kept = kept[1:]
        return [*head, *map(_harmless, kept), *tail]

    def _forgotten(self, said: Sequence[Message], room: int) -> int:
        """How many of the oldest messages to leave out so that the rest takes ``room`` tokens at most."""
        sizes = [estimate_tokens(message["content"]) for message in said]
        excess = self._gone + sum(sizes) - room
        if excess <= 0:
            return 0
        step = max(1, self._budget // FORGET_AT_ONCE)
        cut, passed, count = -(-excess // step) * step, self._gone, 0
        while count < len(sizes) and passed < cut:
            passed += sizes[count]
            count += 1
        return count

    def _insert_reply(self, reply: int, text: str) -> None:
        if text:
            after = max(i for i, e in enumerate(self._entries) if e.reply == reply)
            self._entries.insert(after + 1, _Entry(reply, {"role": "assistant", "content": text}, True))

    def _forget(self) -> None:
        """Drop what no window can reach any more, so that a long session does not grow."""
        total = 0
        self._withheld &= {entry.reply for entry in self._entries}
        for index in range(len(self._entries) - 1, -1, -1):
            total += estimate_tokens(self._entries[index].message["content"])
            if total > 2 * self._budget:
                self._gone += sum(estimate_tokens(e.message["content"]) for e in self._entries[:index])
                del self._entries[:index]
                return
