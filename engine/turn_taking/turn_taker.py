"""Turn taking as a pure state machine: what is heard goes in, what to do comes out.

It has no clock and does no I/O. ``listener.py`` tells it every 32 ms frame, every answer of the models and what the
tutor does. Each call returns actions in order: events for the conversation and requests to the models. There is one
user turn at a time (``turn_state.py``); ``effects.py`` changes it.
"""

from __future__ import annotations

from engine.errors import EngineError, RecognitionFailed
from engine.items import VAD_FRAME_MS, Transcript
from engine.settings import ListeningOptions
from engine.turn_taking.actions import Action, Kind
from engine.turn_taking.barge_in import BargeInPolicy, Judgement, OverlappingSound
from engine.turn_taking.effects import TurnEffects
from engine.turn_taking.end_of_turn import SCORED_LANGUAGES, log_odds
from engine.turn_taking.ending import Outcome, ending
from engine.turn_taking.endpointing import EndpointPolicy
from engine.turn_taking.events import ListeningFailed, NoSpeechHeard, Partial, Resume
from engine.turn_taking.speech_gate import SpeechGate
from engine.turn_taking.transcript_cues import asks, content, echo_share, tutor_asks
from engine.turn_taking.turn_state import STUDENT_FIRST, FloorState, TutorVoice, UserTurn

ECHO_TAIL_MS = 500
"""How long after the tutor's last word its echo may still arrive. A judgement: room, loudspeaker and network."""

_RESUMES = {
    Judgement.NOISE: Resume("noise"),
    Judgement.BACKCHANNEL: Resume("backchannel"),
    Judgement.ECHO: Resume("echo"),
}


class TurnTaker:
    """The state machine. Every method returns what to do, in order.

    Args:
        options: None takes the defaults.
        barge_in: the student can interrupt the tutor; without it, nothing is heard while the tutor speaks.
        turn_model: the shell can answer ``AskTurnModel``.
        word_model: the shell can answer ``AskCompletion``.
    """

    def __init__(
        self,
        options: ListeningOptions | None = None,
        *,
        barge_in: bool = True,
        turn_model: bool = True,
        word_model: bool = False,
    ) -> None:
        self._options = options or ListeningOptions()
        self._may_interrupt = barge_in
        self._has_turn_model = turn_model
        self._has_word_model = word_model
        self._gate = SpeechGate(self._options.vad)
        self._endpointing = EndpointPolicy(self._options.endpoint)
        self._barge_in = BargeInPolicy(self._options)
        self._effects = TurnEffects(self._options, self._gate, self._endpointing.habit)
        self._tutor = TutorVoice()
        self._now_ms = 0.0
        self._deaf_until_ms: float | None = None
        """While discarded speech goes on: when to listen again even if it never stops."""

    @property
    def engaged(self) -> bool:
        """Silence means something now, so the listener must add silence when no audio comes."""
        return self._effects.turn is not None or self._gate.speaking or self._gate.stirring

    @property
    def urgent(self) -> bool:
        """The next frame may change something, so it must be judged at once; otherwise frames are judged in pairs."""
        return self.engaged or self._tutor.since_ms is not None

    @property
    def tutor_speaks(self) -> bool:
        """The tutor's voice is in the room."""
        return self._tutor.since_ms is not None

    @property
    def sounding(self) -> bool:
        """The latest frame is speech."""
        return self._gate.sounding

    @property
    def awaits_words(self) -> bool:
        """The student is silent, and the decision depends on words that are still being decoded."""
        turn = self._effects.turn
        return turn is not None and not self._gate.sounding and turn.words.asked is not None

    # --- what happens

    def unsent(self, total_ms: float) -> None:
        """The client has sent nothing for ``total_ms`` in all, which is not part of the stream's ms.

        Only differences count, so the total may have any offset. Call it before the other methods.
        """
        self._effects.unsent_ms = total_ms

    def frame(self, probability: float, end_ms: float) -> list[Action]:
        """The next 32 ms of the microphone, which end at ``end_ms``, hold speech with ``probability``."""
        self._now_ms = end_ms
        turn = self._effects.turn
        forced = turn is not None and turn.forced_ms is not None
        if forced or (not self._may_interrupt and self._tutor.since_ms is not None):
            probability = 0.0
        if self._deaf_until_ms is not None and end_ms >= self._deaf_until_ms:
            self._gate.reset()  # noise without a pause must not make it deaf for good
            self._deaf_until_ms = None
        event = self._gate.feed(probability, end_ms)
        if event is not None:
            self._deaf_until_ms = None
        if event is not None and event.kind == "start":
            turn = self._voice_began(event.ms)
        if turn is not None:
            turn.end_ms = max(turn.start_ms, self._gate.voice_end_ms)
            if self._gate.sounding:
                turn.voiced_ms += VAD_FRAME_MS
                turn.marks.clear()
            if event is not None and event.kind == "stop":
                self._effects.stop(turn, event.ms)
        return self._advance()

    def words(self, utterance_id: int, kind: Kind, transcript: Transcript) -> list[Action]:
        """The answer to ``AskWords``."""
        turn = self._turn_of(utterance_id)
        if turn is None or turn.words.asked != kind:
            return []
        before = turn.words.latest()
        turn.words.answer(transcript, self._now_ms)
        told = before.transcript.text if before else ""
        if transcript.text and transcript.text != told and not turn.contest.undecided:
            self._effects.tell(Partial(transcript))
        return self._advance()

    def words_failed(self, utterance_id: int, kind: Kind, error: EngineError) -> list[Action]:
        """``AskWords`` could not be answered. The second failure in a row ends the user turn."""
        turn = self._turn_of(utterance_id)
        if turn is None or turn.words.asked != kind:
            return []
        turn.words.asked = None
        turn.words.failures += 1
        if turn.words.failures > 1:
            self._effects.dismiss(turn, ListeningFailed(error))
        return self._advance()

    def verdict(self, utterance_id: int, probability: float | None) -> list[Action]:
        """The answer to ``AskTurnModel``; None when the model broke."""
        turn = self._turn_of(utterance_id)
        if turn is None or turn.turn_model.asked_ms is None:
            return []
        turn.turn_model.answer(probability)
        turn.marks.setdefault("turn_model", self._now_ms)
        return self._advance()

    def completion(self, utterance_id: int, text: str, score: float | None) -> list[Action]:
        """The answer to ``AskCompletion`` about ``text``; None when there is no score."""
        turn = self._turn_of(utterance_id)
        if turn is None or turn.completion.asked != text:
            return []
        turn.completion.answer(score)
        turn.marks.setdefault("completion_score", self._now_ms)
        return self._advance()

    def tutor(self, speaking: bool, text: str = "") -> list[Action]:
        """The tutor's voice is in the room and has said ``text``, or it has stopped."""
        turn = self._effects.turn
        if speaking:
            self._tutor.text = text
            if self._tutor.since_ms is None:
                self._tutor.since_ms, self._tutor.unsent_ms = self._now_ms, self._effects.unsent_ms
                if turn is not None and turn.contest.floor is not FloorState.TAKEN and self._may_interrupt:
                    self._effects.duck(turn, self._now_ms, STUDENT_FIRST)
        elif self._tutor.since_ms is not None:
            self._tutor.since_ms = None
            self._tutor.end_ms, self._tutor.unsent_ms = self._now_ms, self._effects.unsent_ms
            if turn is not None:
                self._effects.tutor_finished(turn)
        return self._advance()

    def end_turn(self) -> list[Action]:
        """The client says that the student has finished: nothing reopens this user turn."""
        turn = self._effects.turn
        if turn is None:
            self._effects.forget_turn_before()
        else:
            turn.closed = True
            if turn.forced_ms is None:
                self._effects.force_end(turn, self._now_ms)
        return self._advance()

    def discard(self) -> list[Action]:
        """Forget the speech in progress, up to the next silence, and the user turn before it.

        It leads neither to a user turn nor to a barge-in. Later speech is a new utterance.
        """
        self._effects.forget_turn_before()
        turn = self._effects.turn
        if turn is not None:
            still_speaking = self._gate.speaking
            self._effects.dismiss(turn, None, reset_gate=not still_speaking)
            self._deaf_until_ms = self._now_ms + 1000 * self._options.max_turn_s if still_speaking else None
        return self._effects.flush()

    # --- what it means

    def _turn_of(self, utterance_id: int) -> UserTurn | None:
        turn = self._effects.turn
        return turn if turn is not None and turn.id == utterance_id else None

    def _voice_began(self, ms: float) -> UserTurn:
        turn = self._effects.turn
        if turn is not None:
            self._effects.go_on(turn, ms)
            return turn
        # Audio that arrives faster than real time (after a stall) must not shorten this.
        at_ms = ms + max(0.0, self._effects.unsent_ms - self._tutor.unsent_ms)
        turn = self._effects.begin(ms, self._now_ms, over_tutor=at_ms - self._tutor.end_ms <= ECHO_TAIL_MS)
        if self._tutor.since_ms is not None:
            self._effects.duck(turn, self._now_ms, at_ms - self._tutor.since_ms)
        return turn

    def _advance(self) -> list[Action]:
        turn = self._effects.turn
        if turn is not None:
            reopens_ms = turn.continuation.reopens_ms
            if reopens_ms is not None and self._continues(turn):
                self._effects.recognize_with_turn_before(turn, reopens_ms)
                self._effects.reopen(turn)
            if self._gate.sounding:
                self._while_speaking(turn)
            else:
                self._while_silent(turn)
        return self._effects.flush()

    def _continues(self, turn: UserTurn) -> bool:
        """Whether the student's own words, so soon after a user turn, continue it."""
        latest = turn.words.latest()
        if latest is None or turn.contest.undecided or self._is_echo(turn, latest.transcript):
            return False
        return bool(content(latest.transcript.text))

    def _is_echo(self, turn: UserTurn, transcript: Transcript) -> bool:
        """The tutor's own words, from a loudspeaker."""
        contest = turn.contest
        if not contest.over_tutor or contest.floor is FloorState.TAKEN or not self._may_interrupt:
            return False
        return echo_share(transcript.text, self._tutor.text) >= self._options.barge_in.echo_share

    def _while_speaking(self, turn: UserTurn) -> None:
        options, words = self._options, turn.words
        self._effects.drop_overtaken_reply(turn)
        step_ms = options.partial_every_ms if words.latest() else options.first_partial_ms
        if turn.contest.undecided:
            step_ms = min(step_ms, options.trial_partial_ms)
        if words.asked is None and turn.voiced_ms - words.asked_voiced_ms >= step_ms:
            self._effects.ask_words(turn, "revise", self._now_ms)
        if turn.contest.undecided:
            self._judge(turn, silence_ms=0.0)
        if self._now_ms - turn.start_ms >= 1000 * options.max_turn_s:
            self._effects.force_end(turn, self._now_ms)

    def _while_silent(self, turn: UserTurn) -> None:
        silence_ms = self._now_ms - turn.end_ms
        if silence_ms >= self._options.preview_ms or turn.forced_ms is not None:
            turn.marks.setdefault("silence", self._now_ms)
            if turn.fresh_preview() is None and self._needs_preview(turn):
                self._effects.ask_words(turn, "preview", self._now_ms)
            if self._needs_opinion(turn):
                self._effects.ask_turn_model(turn, self._now_ms)
            self._ask_completion(turn)
        if turn.contest.undecided:
            self._judge(turn, silence_ms)
        else:
            self._decide(turn)

    def _needs_preview(self, turn: UserTurn) -> bool:
        words = turn.words
        if turn.contest.undecided and words.asked is not None:
            return False  # the next words may decide it; asking again at every gap would never get any
        return words.asked != "preview" or words.asked_ms < turn.end_ms

    def _needs_opinion(self, turn: UserTurn) -> bool:
        """Whether to ask the turn model: once in a silence, early, since silence alone makes later answers surer."""
        opinion = turn.turn_model
        wanted = self._has_turn_model and not turn.contest.undecided and opinion.asked_ms is None
        return wanted and opinion.judged_ms < turn.end_ms

    def _ask_completion(self, turn: UserTurn) -> None:
        """Have the words judged once all of them are known."""
        preview, opinion = turn.fresh_preview(), turn.completion
        if not self._has_word_model or preview is None or turn.contest.undecided or turn.forced_ms is not None:
            return
        heard = preview.transcript
        if heard.text and heard.language in SCORED_LANGUAGES and heard.text not in (opinion.text, opinion.asked):
            self._effects.ask_completion(turn, heard.text, self._now_ms)

    def _wait_ms(self, turn: UserTurn, odds: float) -> float:
        """How long this silence must be to end the user turn."""
        if turn.forced_ms is not None:
            return turn.forced_ms - turn.end_ms
        preview = turn.fresh_preview()
        question = preview is not None and asks(preview.transcript.text)
        wait_ms = self._endpointing.wait_ms(odds, question=question)
        return wait_ms + self._options.vad.min_speech_ms if self._gate.stirring else wait_ms

    def _decide(self, turn: UserTurn) -> None:
        """End the user turn, begin a preemptive reply, or wait."""
        odds = log_odds(turn.clues(answering=tutor_asks(self._tutor.text)))
        wait_ms = self._wait_ms(turn, odds)
        end = ending(turn, self._now_ms, wait_ms, odds, self._options)
        if end.complete and turn.continuation.before is not None:
            self._effects.reopen(turn)  # the tutor fell silent before that was decided
        if end.likely and end.words is not None:
            self._effects.prepare_reply(turn, end.words.transcript, whole=end.whole)
        if end.outcome is Outcome.NO_SPEECH:
            self._effects.dismiss(turn, NoSpeechHeard(turn.start_ms))
        elif end.outcome is Outcome.NO_ANSWER:
            self._effects.dismiss(turn, ListeningFailed(RecognitionFailed("the words came too late")))
        elif turn.forced_ms is None and turn.completion.awaited(self._now_ms):
            pass  # the reply is being prepared meanwhile; the score may show that the student has not finished
        elif end.outcome is Outcome.COMMIT and end.words is not None:
            if self._is_echo(turn, end.words.transcript):
                self._effects.dismiss(turn, NoSpeechHeard(turn.start_ms))
            else:
                self._effects.commit(turn, end.words, self._now_ms, wait_ms)

    def _judge(self, turn: UserTurn, silence_ms: float) -> None:
        """Over the tutor's voice: give the student the floor, dismiss the sound, or wait."""
        ducked, reopens_ms = turn.contest.floor is FloorState.DUCKED, turn.continuation.reopens_ms
        judgement = self._barge_in.judge(self._overlap(turn, silence_ms))
        if judgement is Judgement.WORDS:
            self._effects.interrupt(turn, "words")
        elif judgement is Judgement.SPEECH:
            self._effects.interrupt(turn, "speech")
        elif judgement is Judgement.NOISE and reopens_ms is not None:
            # The end of a sentence is often not recognised by itself, but clearly together with its beginning.
            self._effects.recognize_with_turn_before(turn, reopens_ms)
        elif judgement in _RESUMES:
            self._effects.dismiss(turn, _RESUMES[judgement] if ducked else None)
        elif ducked and self._now_ms - turn.contest.ducked_ms >= self._options.duck_max_ms:
            self._effects.dismiss_noise(turn)

    def _overlap(self, turn: UserTurn, silence_ms: float) -> OverlappingSound:
        """What is known of a sound over the tutor's voice."""
        contest, latest = turn.contest, turn.words.latest()
        transcript = turn.own_words(latest) if latest else None
        if latest is None and turn.continuation.before is not None:
            transcript = Transcript("")  # what was noise by itself stays noise until there are words
        tutor_text = "" if contest.tutor_ms == STUDENT_FIRST else self._tutor.text
        complete = turn.fresh_preview() is not None
        return OverlappingSound(turn.voiced_ms, silence_ms, contest.tutor_ms, tutor_text, transcript, complete)
