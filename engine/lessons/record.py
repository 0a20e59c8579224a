"""The record of one lesson: who said what and when, what was heard of it, and what that took.

It is told the same events as the client (``conversation/recorded_sink.py``), and by the floor which reply speaks. It
decides nothing, never waits, and holds at most ``MAX_CHARS`` characters: then it forgets its oldest entries.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Literal, Protocol

from engine.contracts import Message, TokenCount
from engine.items import INPUT_RATE, MediaFrame, Word
from engine.lessons.cues import cut_cues
from engine.lessons.entries import Delivery, Entry, StudentEntry, TutorEntry
from engine.lessons.memory import RecordMemory, newest
from engine.protocol.lessons import LessonUsage, Origin, ReplyEnd, SafetyNote
from engine.protocol.outgoing import (
    Event,
    InterruptedEvent,
    NoSpeechEvent,
    SafetyEvent,
    SourcePassage,
    SpeechStartedEvent,
    SpeechStoppedEvent,
    TextDeltaEvent,
    TranscriptionEvent,
)
from engine.text.tokens import estimate_tokens

MAX_CHARS = 300_000
"""Of one record, with 300 for what an entry has besides its text. A judgement: about four hours of talk, a megabyte."""

MAX_SAFETY_NOTES = 500


class PlayedAudio(Protocol):
    """What was sent and played of a reply."""

    words: list[Word]
    sent_ms: float

    def heard_ms(self, now: float) -> float:
        """How much was played by ``now``, in ms."""

    def heard_text(self, said: str, position_ms: float) -> str:
        """The part of ``said`` that is heard up to a position."""


class RecordedReply(Protocol):
    """What a record asks a reply."""

    @property
    def question(self) -> str:
        """The student's words; empty for a greeting."""

    @property
    def text(self) -> str:
        """What was written so far."""

    @property
    def origin(self) -> Origin:
        """Who wrote it."""

    @property
    def sources(self) -> Sequence[SourcePassage]:
        """What it rests on."""

    @property
    def asked(self) -> Sequence[Message]:
        """What the language model was given, if it was asked."""

    @property
    def counted(self) -> TokenCount | None:
        """The tokens that the language model's endpoint counted for it, if it told."""

    @property
    def playback(self) -> PlayedAudio:
        """What was sent and played of it."""

    @property
    def delivery(self) -> Delivery:
        """How it reaches the client."""

    def heard_text(self, now: float) -> str:
        """The part of ``text`` that was heard by ``now``."""


class LessonRecord:
    """Takes down one lesson. On the event loop.

    Args:
        clock: seconds on the event loop's clock.
        words: take down what is said. Without it only the usage and the guard's interventions are recorded.
        held_back_words: keep the student's words that the guard held back.
    """

    def __init__(self, clock: Callable[[], float], *, words: bool = True, held_back_words: bool = False) -> None:
        self.revision = 0
        """Grows with every change."""
        self.forgotten = 0
        """Entries that were dropped, the oldest ones."""
        self.on_change: Callable[[], None] = _ignore
        """Called with every change; must not wait."""
        self._clock = clock
        self._words = words
        self._held_back_words = held_back_words
        self._began: float | None = None
        self._entries: deque[Entry] = deque()
        self._safety: deque[SafetyNote] = deque(maxlen=MAX_SAFETY_NOTES)
        self._ids = 0
        self._chars = 0
        """Of all entries but that of the reply that is speaking."""
        self._speaking: tuple[RecordedReply, TutorEntry] | None = None
        self._speech_from: float | None = None
        self._speech_to = 0.0
        self._listened_s = 0.0
        self._spoken_ms = 0.0
        self._replies = self._interruptions = self._pictures = 0
        self._prompt_tokens = self._completion_tokens = 0
        self._received_bytes = self._sent_bytes = 0

    @property
    def hearing(self) -> bool:
        """The student has begun to speak, and what they say has not been transcribed yet."""
        return self._speech_from is not None

    def begin(self) -> None:
        """The session begins now: times count from here."""
        self._began = self._clock()

    # --- on another engine

    def memory(self) -> RecordMemory:
        """The record as another engine goes on with it: without the reply that speaks, and its newest entries only."""
        speaking = self._speaking[1] if self._speaking is not None else None
        entries, left_out = newest([entry for entry in self._entries if entry is not speaking])
        return RecordMemory(
            entries, tuple(self._safety), self.revision, self.forgotten + left_out, self._ids, self._now_ms(),
            self._listened_s, self._spoken_ms, self._replies, self._interruptions, self._pictures,
            self._prompt_tokens, self._completion_tokens,
        )  # fmt: skip

    def recall(self, memory: RecordMemory, away_ms: float) -> None:
        """Go on with a record that was begun elsewhere, ``away_ms`` after its last change."""
        self._entries = deque(memory.entries if self._words else ())
        self._safety.extend(memory.safety)
        self._chars = sum(entry.chars for entry in self._entries)
        self.revision, self.forgotten, self._ids = memory.revision, memory.forgotten, memory.ids
        self._began = self._clock() - (memory.elapsed_ms + max(0.0, away_ms)) / 1000
        self._listened_s, self._spoken_ms, self._replies = memory.listened_s, memory.spoken_ms, memory.replies
        self._interruptions, self._pictures = memory.interruptions, memory.pictures
        self._prompt_tokens, self._completion_tokens = memory.prompt_tokens, memory.completion_tokens

    # --- what the student does

    def typed(self, text: str) -> None:
        """The student sent a text."""
        now = self._now_ms()
        self._add(StudentEntry(self._next_id(), now, now, text, "text"))

    def listened(self, samples: int) -> None:
        """So many samples of the student's audio arrived."""
        self._listened_s += samples / INPUT_RATE

    def carried(self, *, received: int, sent: int) -> None:
        """So many more bytes came from the client and went to it."""
        self._received_bytes += received
        self._sent_bytes += sent

    # --- what the client is told

    def event(self, event: Event) -> None:
        """A message that is sent to the client, or would be if one were connected."""
        match event:
            case SpeechStartedEvent():
                self._speech_from = self._now_ms() if self._speech_from is None else self._speech_from
            case SpeechStoppedEvent():
                self._speech_to = self._now_ms()
            case NoSpeechEvent():
                self._speech_from = None
            case TranscriptionEvent():
                self._transcribed(event)
            case TextDeltaEvent():
                self._began_speaking(event.turn, "text")
            case SafetyEvent():
                self._held_back(event)
            case InterruptedEvent():
                self._interrupted(event)
            case _:
                pass

    def frames(self, frames: Sequence[MediaFrame]) -> None:
        """These frames were handed to the client."""
        self._pictures += sum(frame.picture is not None for frame in frames)
        if frames:
            self._began_speaking(frames[0].reply, "live")

    def sent(self, number: int) -> None:
        """All of reply ``number`` was handed to the client."""
        self._began_speaking(number, "clip")
        if self._speaking is not None and self._speaking[1].turn == number:
            self._speaking[1].delivered = True

    # --- which reply speaks

    def reply_begins(self, reply: RecordedReply, number: int) -> None:
        """``reply`` has the floor, as reply ``number`` of the session."""
        self._replies += 1
        if reply.question:
            asked = self._answered_by(reply)
            if asked is not None:
                asked.turn = number
        entry = TutorEntry(self._next_id(), number, self._now_ms(), reply.delivery)
        self._speaking = (reply, entry)
        if self._words:
            self._entries.append(entry)
        self._changed()

    def reply_ends(self, reply: RecordedReply, ended: ReplyEnd, now: float) -> None:
        """``reply`` speaks no longer at ``now``. ``done`` means that its client has played all of it."""
        if self._speaking is None or self._speaking[0] is not reply:
            return
        entry = self._speaking[1]
        self._refresh(now)
        self._speaking = None
        entry.ended = ended
        if ended == "done":
            entry.heard, entry.heard_ms = entry.text, reply.playback.sent_ms
        elif ended == "failed" and entry.delivery == "live":  # the client plays what it has got
            entry.heard_ms = reply.playback.sent_ms
            entry.heard = reply.playback.heard_text(entry.text, entry.heard_ms)
        self._spoken_ms += entry.heard_ms
        if reply.counted is not None:
            self._prompt_tokens += reply.counted.prompt
            self._completion_tokens += reply.counted.completion
        elif reply.asked:
            self._prompt_tokens += sum(estimate_tokens(message["content"]) for message in reply.asked)
            self._completion_tokens += estimate_tokens(entry.text)
        if entry in self._entries:
            self._chars += entry.chars
        self._changed()

    def corrected(self, reply: RecordedReply, number: int, now: float) -> None:
        """The client says at ``now`` how much of ``reply``, which was interrupted, it had really played."""
        entry = next((e for e in self._entries if isinstance(e, TutorEntry) and e.turn == number), None)
        if entry is not None and entry.ended is not None:
            self._spoken_ms -= entry.heard_ms
            self._take_heard(entry, reply, now)
            self._spoken_ms += entry.heard_ms
            self._changed()

    # --- what is asked of the record

    def entries(self) -> list[Entry]:
        """What was said so far, oldest first; replies of which nothing was written are left out."""
        self._refresh()
        return [entry for entry in self._entries if isinstance(entry, StudentEntry) or entry.text]

    def safety(self) -> tuple[SafetyNote, ...]:
        """The guard's interventions, the latest ``MAX_SAFETY_NOTES``."""
        return tuple(self._safety)

    def usage(self) -> LessonUsage:
        """What the session has used so far."""
        self._refresh()
        speaking_ms = self._speaking[1].heard_ms if self._speaking is not None else 0.0
        return LessonUsage(
            listened_s=round(self._listened_s, 1),
            spoken_s=round((self._spoken_ms + speaking_ms) / 1000, 1),
            replies=self._replies,
            interruptions=self._interruptions,
            pictures=self._pictures,
            prompt_tokens=self._prompt_tokens,
            completion_tokens=self._completion_tokens,
            received_bytes=self._received_bytes,
            sent_bytes=self._sent_bytes,
        )

    def erase(self) -> None:
        """Forget all that was said so far, and the guard's interventions."""
        speaking = self._speaking[1] if self._speaking is not None else None
        self.forgotten += len(self._entries) - (speaking in self._entries)
        self._entries.clear()
        self._safety.clear()
        self._chars = 0
        if speaking is not None and self._words:
            self._entries.append(speaking)
        self._changed()

    # ---

    def _transcribed(self, event: TranscriptionEvent) -> None:
        now, began = self._now_ms(), self._speech_from
        by: Literal["voice", "recording"] = "recording" if began is None else "voice"
        entry = StudentEntry(self._next_id(), now, now, event.content, by, event.language, None, event.continues)
        if began is not None:
            entry.start_ms, entry.end_ms = began, max(began, self._speech_to)
        self._speech_from = None
        for earlier in self._continued_by(entry):
            earlier.continued = True
            entry.start_ms, entry.by = min(entry.start_ms, earlier.start_ms), "voice"
        self._add(entry)

    def _held_back(self, event: SafetyEvent) -> None:
        note = SafetyNote(turn=event.turn, at_ms=round(self._now_ms()), category=event.category, stage=event.stage)
        self._safety.append(note)
        if event.stage == "question":
            asked = next((e for e in self._entries if isinstance(e, StudentEntry) and e.turn == event.turn), None)
            for entry in () if asked is None else (asked, *self._continued_by(asked)):
                entry.held_back = event.category
                if not self._held_back_words:
                    self._chars -= len(entry.text)
                    entry.text = ""
        self._changed()

    def _interrupted(self, event: InterruptedEvent) -> None:
        self._interruptions += 1
        entry = next((e for e in self._entries if isinstance(e, TutorEntry) and e.turn == event.turn), None)
        if entry is not None:
            entry.interrupted_by = event.reason
            self._changed()

    def _answered_by(self, reply: RecordedReply) -> StudentEntry | None:
        """The user turn that ``reply`` answers: the first open one of its words, else what was said last.

        A preemptive reply answers words that may differ a little from the final ones.
        """
        open_turns = [e for e in self._entries if isinstance(e, StudentEntry) and e.turn is None]
        same = next((e for e in open_turns if e.text == reply.question), None)
        return same or next((e for e in reversed(open_turns) if e.by != "text"), None)

    def _continued_by(self, entry: StudentEntry) -> list[StudentEntry]:
        """The user turns whose words ``entry`` has again."""
        found, void = [], entry.continues
        for earlier in reversed(self._entries):
            if void is not None and isinstance(earlier, StudentEntry) and earlier.turn == void:
                found.append(earlier)
                void = earlier.continues
        return found

    def _began_speaking(self, number: int, delivery: Delivery) -> None:
        """The first of reply ``number`` has left for the client, if it is delivered this way."""
        entry = self._speaking[1] if self._speaking is not None else None
        if entry is not None and entry.turn == number and entry.delivery == delivery and not entry.begun:
            entry.begun, entry.start_ms = True, self._now_ms()

    def _refresh(self, now: float | None = None) -> None:
        """Bring the entry of the reply that speaks up to date."""
        if self._speaking is not None:
            reply, entry = self._speaking
            entry.text, entry.origin, entry.sources = reply.text.strip(), reply.origin, tuple(reply.sources)
            self._take_heard(entry, reply, self._clock() if now is None else now)

    def _take_heard(self, entry: TutorEntry, reply: RecordedReply, now: float) -> None:
        """Note what was heard of ``reply`` by ``now``."""
        played = reply.playback
        entry.cues = cut_cues(entry.text, played.words, played.sent_ms)
        if entry.delivery == "clip" and not entry.delivered:
            entry.heard, entry.heard_ms = "", 0.0
        else:
            entry.heard, entry.heard_ms = reply.heard_text(now), played.heard_ms(now)

    def _add(self, entry: StudentEntry) -> None:
        if self._words:
            self._entries.append(entry)
            self._chars += entry.chars
        self._changed()

    def _changed(self) -> None:
        self.revision += 1
        speaking = self._speaking[1] if self._speaking is not None else None
        while self._chars > MAX_CHARS and self._entries and self._entries[0] is not speaking:
            self._chars -= self._entries.popleft().chars
            self.forgotten += 1
        self.on_change()

    def _next_id(self) -> int:
        self._ids += 1
        return self._ids

    def _now_ms(self) -> float:
        now = self._clock()
        if self._began is None:
            self._began = now
        return (now - self._began) * 1000


def _ignore() -> None:
    """Nobody wants to know."""
