"""Turn taking as a pure state machine: what is heard goes in, what to do comes out.

No clock, no I/O: the shell (``listener.py``) tells it each 32 ms frame, every recognition and
verdict as it arrives, and what the tutor does; each call returns actions in order: events for the
conversation and requests to the models. It keeps one utterance at a time.
"""

from __future__ import annotations

from dataclasses import replace

from engine.errors import EngineError, RecognitionFailed
from engine.items import VAD_FRAME_MS, Transcript
from engine.settings import ListeningOptions
from engine.turn_taking.barge_in import BargeInPolicy, Judgement, OverlappingSound
from engine.turn_taking.endpointing import EndpointPolicy
from engine.turn_taking.events import (
    Duck,
    Interrupt,
    ListeningFailed,
    NoSpeechHeard,
    Partial,
    Resume,
    SpeechStarted,
    SpeechStopped,
    UserTurnEnded,
    UserTurnReopened,
)
from engine.turn_taking.preemptive import PreemptivePolicy
from engine.turn_taking.reopening import Reopening
from engine.turn_taking.speech_gate import SpeechGate
from engine.turn_taking.transcript_cues import Completeness, content, echo_share
from engine.turn_taking.turn_state import (
    Action,
    AskTurnModel,
    AskWords,
    BeginUtterance,
    Bid,
    EndUtterance,
    Kind,
    RecognizedWords,
)

ECHO_TAIL_MS = 500
"""A loudspeaker's last words arrive so late; until then they are weighed against the tutor's."""


_RESUMES = {
    Judgement.NOISE: Resume("noise"),
    Judgement.BACKCHANNEL: Resume("backchannel"),
    Judgement.ECHO: Resume("echo"),
}


class TurnTaker:
    """The state machine. Every method returns what to do, in order."""

    def __init__(
        self, options: ListeningOptions | None = None, *, barge_in: bool = True, turn_model: bool = True
    ) -> None:
        self._options = options or ListeningOptions()
        self._may_interrupt = barge_in
        self._has_turn_model = turn_model
        self._gate = SpeechGate(self._options.vad)
        self._policy = EndpointPolicy(self._options.endpoint)
        self._barge_in = BargeInPolicy(self._options)
        self._bid: Bid | None = None
        self._count = 0
        self._ahead = PreemptivePolicy(self._options.preemptive_replies, self._options.preemptive_grace_ms)
        self._now_ms = 0.0
        self._reopening = Reopening()
        self._tutor_since_ms: float | None = None
        self._tutor_end_ms = float("-inf")
        self._tutor_text = ""
        self._deaf_until_ms: float | None = None
        """While a discarded utterance still sounds: when to listen again even if it never ends."""

        self._actions: list[Action] = []

    @property
    def engaged(self) -> bool:
        """Silence has a meaning now: the shell must not let time stand still when no audio comes."""
        return self._bid is not None or self._gate.speaking or self._gate.stirring

    @property
    def urgent(self) -> bool:
        """The next frame may change something; else there is time to hear two at once."""
        return self.engaged or self._tutor_since_ms is not None

    @property
    def sounding(self) -> bool:
        """The latest frame is speech."""
        return self._gate.sounding

    @property
    def awaits_words(self) -> bool:
        """The student is silent and the decision hangs on words that are being decoded."""
        return self._bid is not None and not self._gate.sounding and self._bid.asked is not None

    # --- what happens

    def frame(self, probability: float, end_ms: float) -> list[Action]:
        """The next 32 ms of the microphone, which end at ``end_ms``, hold speech with ``probability``."""
        self._now_ms = end_ms
        forced = self._bid is not None and self._bid.forced_ms is not None
        if forced or (not self._may_interrupt and self._tutor_since_ms is not None):
            probability = 0.0
        if self._deaf_until_ms is not None and end_ms >= self._deaf_until_ms:
            self._gate.reset()  # noise that never pauses would make it deaf for good
            self._deaf_until_ms = None
        event = self._gate.feed(probability, end_ms)
        if event is not None:
            self._deaf_until_ms = None
        if event is not None and event.kind == "start":
            self._voice_began(event.ms)
        bid = self._bid
        if bid is not None:
            bid.end_ms = max(bid.start_ms, self._gate.voice_end_ms)
            if self._gate.sounding:
                bid.voiced_ms += VAD_FRAME_MS
                bid.marks.clear()
            if event is not None and event.kind == "stop":
                bid.stopped = True
                self._tell(SpeechStopped(event.ms))
        return self._advance()

    def words(self, utterance_id: int, kind: Kind, transcript: Transcript) -> list[Action]:
        """The answer to ``AskWords``."""
        current = self._current(utterance_id)
        if current is None or current.asked != kind:
            return []
        heard = RecognizedWords(transcript, current.asked_ms, self._now_ms)
        current.asked, current.failures = None, 0
        before = current.latest()
        if kind == "preview":
            current.preview = heard
        else:
            current.partial = heard
        told = before.transcript.text if before else ""
        if transcript.text and transcript.text != told and not current.on_trial:
            self._tell(Partial(transcript))
        return self._advance()

    def words_failed(self, utterance_id: int, kind: Kind, error: EngineError) -> list[Action]:
        """``AskWords`` could not be answered. The second failure in a row ends the bid."""
        current = self._current(utterance_id)
        if current is None or current.asked != kind:
            return []
        current.asked = None
        current.failures += 1
        if current.failures > 1:
            self._dismiss(current, ListeningFailed(error))
        return self._advance()

    def verdict(self, utterance_id: int, probability: float | None) -> list[Action]:
        """The answer to ``AskTurnModel``; None when the model broke."""
        current = self._current(utterance_id)
        if current is None or current.judging_ms is None:
            return []
        current.probability, current.judged_ms = probability, current.judging_ms
        current.judging_ms = None
        current.marks.setdefault("turn_model", self._now_ms)
        return self._advance()

    def tutor(self, speaking: bool, text: str = "") -> list[Action]:
        """The tutor's voice is in the room, having said ``text``; or it is not any more."""
        bid = self._bid
        if speaking:
            self._tutor_text = text
            if self._tutor_since_ms is None:
                self._tutor_since_ms = self._now_ms
                if bid is not None and not bid.floor and self._may_interrupt:
                    # The student was first: what they say cannot be the tutor's echo.
                    bid.tutor_ms = float("inf")
                    self._duck(bid)
        elif self._tutor_since_ms is not None:
            self._tutor_since_ms, self._tutor_end_ms = None, self._now_ms
            if bid is not None:
                if bid.ducked:
                    self._tell(Resume("tutor_finished"))
                bid.ducked = bid.dismissed = False
        return self._advance()

    def end_turn(self) -> list[Action]:
        """The client says that the student has finished."""
        bid = self._bid
        if bid is not None and bid.forced_ms is None:
            bid.forced_ms = self._now_ms
            self._stop_voice(bid)
        return self._advance()

    def discard(self) -> list[Action]:
        """Forget the utterance in progress, up to the next silence, and the user turn before it.

        Neither a user turn nor a barge-in comes of it; a later utterance starts afresh.
        """
        self._reopening = Reopening()
        bid = self._bid
        if bid is not None:
            still_speaking = self._gate.speaking
            self._dismiss(bid, None, reset_gate=not still_speaking)
            self._deaf_until_ms = self._now_ms + 1000 * self._options.max_turn_s if still_speaking else None
        return self._flush()

    # --- speech

    def _voice_began(self, ms: float) -> None:
        bid = self._bid
        if bid is not None:
            self._policy.habit.learn(ms - bid.end_ms)
            bid.stopped = False
            self._tell(SpeechStarted(ms))
            return
        self._count += 1
        self._bid = bid = Bid(self._count, ms, end_ms=self._now_ms)
        self._ahead.new_turn()
        bid.voiced_ms = max(0.0, self._options.vad.min_speech_ms - VAD_FRAME_MS)
        bid.over_tutor = ms - self._tutor_end_ms <= ECHO_TAIL_MS
        bid.pause_ms, bid.reopens_ms = self._reopening.pause_ms(ms), self._reopening.start_ms(ms)
        self._tell(BeginUtterance(bid.id, ms))
        self._tell(SpeechStarted(ms))
        if self._tutor_since_ms is not None:
            bid.tutor_ms = ms - self._tutor_since_ms
            self._duck(bid)

    def _duck(self, bid: Bid) -> None:
        bid.over_tutor = bid.ducked = True
        bid.duck_ms = self._now_ms
        self._actions += self._ahead.drop()
        self._tell(Duck(bid.start_ms))

    def _advance(self) -> list[Action]:
        bid = self._bid
        if bid is not None:
            if bid.reopens_ms is not None and self._goes_on(bid):
                self._hear_whole(bid, bid.reopens_ms)
                self._reopen(bid)
            if self._gate.sounding:
                self._while_speaking(bid)
            else:
                self._while_silent(bid)
        return self._flush()

    def _while_speaking(self, bid: Bid) -> None:
        options = self._options
        self._actions += self._ahead.went_on(bid.voiced_ms)
        step_ms = options.partial_every_ms if bid.latest() else options.first_partial_ms
        if bid.on_trial:
            step_ms = min(step_ms, options.trial_partial_ms)
        if bid.asked is None and bid.voiced_ms - bid.asked_voiced_ms >= step_ms:
            self._ask_words(bid, "revise")
        if bid.on_trial:
            self._judge(bid, silence_ms=0.0)
        if self._now_ms - bid.start_ms >= 1000 * options.max_turn_s:
            bid.forced_ms = self._now_ms
            self._stop_voice(bid)

    # --- silence

    def _while_silent(self, bid: Bid) -> None:
        silence_ms = self._now_ms - bid.end_ms
        if silence_ms >= self._options.preview_ms or bid.forced_ms is not None:
            bid.marks.setdefault("silence", self._now_ms)
            stale = bid.asked != "preview" or bid.asked_ms < bid.end_ms
            if bid.on_trial and bid.asked is not None:
                stale = False  # the next words may be all it takes; asking anew at every gap gets none
            if stale and bid.fresh_preview() is None:
                self._ask_words(bid, "preview")
            self._ask_turn_model(bid)
        if bid.on_trial:
            self._judge(bid, silence_ms)
        else:
            self._decide(bid, silence_ms)

    def _decide(self, bid: Bid, silence_ms: float) -> None:
        """End the turn, begin a reply ahead, or wait."""
        options = self._options
        heard = bid.fresh_preview()
        wait_ms = self._policy.wait_ms(bid.reading(), bid.fresh_probability())
        if bid.forced_ms is not None:
            wait_ms = bid.forced_ms - bid.end_ms
        elif self._gate.stirring:
            wait_ms += options.vad.min_speech_ms
        if heard is not None and not bid.own_words(heard).text:
            if silence_ms >= max(wait_ms, options.endpoint.question_max_ms) or bid.forced_ms is not None:
                self._dismiss(bid, NoSpeechHeard(bid.start_ms))
            return
        if heard is not None and bid.before is not None:
            self._reopen(bid)  # the tutor fell silent before that was settled
        if heard is not None and wait_ms - silence_ms <= options.preemptive_lead_ms:
            whole = bid.reading() is not Completeness.UNFINISHED or bid.forced_ms is not None
            self._actions += self._ahead.words(heard.transcript, bid.voiced_ms, whole=whole)
        if silence_ms < wait_ms:
            return
        late_ms = self._now_ms - max(bid.end_ms + wait_ms, bid.asked_ms if bid.asked else 0.0)
        if heard is None and late_ms >= options.late_ms:
            heard = bid.latest()
            if heard is not None and not heard.transcript.text:
                heard = None
            if heard is None and late_ms >= options.give_up_ms:
                self._dismiss(bid, ListeningFailed(RecognitionFailed("the words came too late")))
                return
        if heard is not None:
            self._commit(bid, heard, wait_ms)

    def _commit(self, bid: Bid, heard: RecognizedWords, wait_ms: float) -> None:
        transcript = heard.transcript
        if self._is_echo(bid, transcript):
            self._dismiss(bid, NoSpeechHeard(bid.start_ms))
            return
        dropped, ahead = self._ahead.settle(transcript.text)
        self._actions += dropped
        self._stop_voice(bid)
        if bid.pause_ms is not None:
            self._policy.habit.learn(bid.pause_ms)
        self._reopening.ended(bid.start_ms, bid.end_ms, self._now_ms, transcript.text)
        marks = {**bid.marks, "transcript": heard.at_ms, "commit": self._now_ms}
        timings = {name: at_ms - bid.end_ms for name, at_ms in marks.items()}
        probability = bid.fresh_probability()
        if probability is not None:
            timings["probability"] = probability
        timings["waited"] = wait_ms
        self._tell(UserTurnEnded(replace(transcript, final=True), bid.end_ms, 0.0, ahead, timings))
        self._close(bid)

    # --- after a turn that was not over

    def _goes_on(self, bid: Bid) -> bool:
        """Words of the student's own so soon after a turn: it is the same one."""
        heard = bid.latest()
        if heard is None or bid.on_trial or self._is_echo(bid, heard.transcript):
            return False
        return bool(content(heard.transcript.text))

    def _hear_whole(self, bid: Bid, start_ms: float) -> None:
        """Hear the turn before and this sound as one."""
        self._actions += self._ahead.drop()
        self._tell(EndUtterance(bid.id))
        self._count += 1
        bid.hear_anew(self._count, start_ms, self._reopening.text)
        self._tell(BeginUtterance(bid.id, start_ms))

    def _reopen(self, bid: Bid) -> None:
        bid.before = None
        self._tell(UserTurnReopened(bid.start_ms))

    def _is_echo(self, bid: Bid, transcript: Transcript) -> bool:
        """The tutor's own words, from a loudspeaker."""
        if not bid.over_tutor or bid.floor or not self._may_interrupt:
            return False
        return echo_share(transcript.text, self._tutor_text) >= self._options.barge_in.echo_share

    # --- over the tutor's voice

    def _judge(self, bid: Bid, silence_ms: float) -> None:
        complete, latest = bid.fresh_preview() is not None, bid.latest()
        # What was noise by itself and is heard anew stays that until there are words.
        newest = bid.own_words(latest) if latest else None if bid.before is None else Transcript("")
        tutor_text = "" if bid.tutor_ms == float("inf") else self._tutor_text
        sound = OverlappingSound(bid.voiced_ms, silence_ms, bid.tutor_ms, tutor_text, newest, complete)
        judgement = self._barge_in.judge(sound)
        if judgement in (Judgement.WORDS, Judgement.SPEECH):
            bid.ducked, bid.dismissed, bid.floor = False, False, True
            self._tell(Interrupt(bid.start_ms, "words" if judgement is Judgement.WORDS else "speech"))
            if bid.before is not None:
                self._reopen(bid)
        elif judgement is Judgement.NOISE and bid.reopens_ms is not None:
            # The end of a sentence is often no word by itself, and plain when heard with its beginning.
            self._hear_whole(bid, bid.reopens_ms)
        elif judgement in _RESUMES:
            self._dismiss(bid, _RESUMES[judgement] if bid.ducked else None)
        elif bid.ducked and self._now_ms - bid.duck_ms >= self._options.duck_max_ms:
            bid.ducked, bid.dismissed = False, True
            self._tell(Resume("noise"))

    # --- small change

    def _ask_words(self, bid: Bid, kind: Kind) -> None:
        bid.asked, bid.asked_ms = kind, self._now_ms
        bid.asked_voiced_ms = bid.voiced_ms
        self._tell(AskWords(bid.id, kind))

    def _ask_turn_model(self, bid: Bid) -> None:
        """Once in a silence, early: later answers only grow surer with the silence itself."""
        wanted = self._has_turn_model and not bid.on_trial and bid.judging_ms is None
        if wanted and bid.judged_ms < bid.end_ms:
            bid.judging_ms = self._now_ms
            self._tell(AskTurnModel(bid.id))

    def _stop_voice(self, bid: Bid) -> None:
        self._gate.reset()
        self._tell_stopped(bid)

    def _tell_stopped(self, bid: Bid) -> None:
        if not bid.stopped:
            bid.stopped = True
            self._tell(SpeechStopped(bid.end_ms))

    def _dismiss(
        self, bid: Bid, event: NoSpeechHeard | Resume | ListeningFailed | None, *, reset_gate: bool = True
    ) -> None:
        """Nothing of it is answered."""
        if reset_gate:
            self._gate.reset()
        self._tell_stopped(bid)
        if bid.ducked and not isinstance(event, Resume):
            self._tell(Resume("noise"))
        self._actions += self._ahead.drop()
        if event is not None:
            self._tell(event)
        self._close(bid)

    def _close(self, bid: Bid) -> None:
        self._tell(EndUtterance(bid.id))
        self._bid = None

    def _current(self, utterance_id: int) -> Bid | None:
        current = self._bid
        return current if current is not None and current.id == utterance_id else None

    def _tell(self, action: Action) -> None:
        self._actions.append(action)

    def _flush(self) -> list[Action]:
        actions, self._actions = self._actions, []
        return actions
