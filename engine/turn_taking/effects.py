"""Carries out the decisions of turn taking: changes the user turn in progress and collects actions for the listener."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from engine.items import VAD_FRAME_MS, Transcript
from engine.settings import ListeningOptions
from engine.turn_taking.actions import Action, AskCompletion, AskTurnModel, AskWords, BeginUtterance, EndUtterance, Kind
from engine.turn_taking.endpointing import PauseHabit
from engine.turn_taking.events import (
    Duck,
    Interrupt,
    ListeningFailed,
    NoSpeechHeard,
    Resume,
    SpeechStarted,
    SpeechStopped,
    UserTurnEnded,
    UserTurnReopened,
)
from engine.turn_taking.preemptive import PreemptivePolicy
from engine.turn_taking.reopening import Reopening
from engine.turn_taking.speech_gate import SpeechGate
from engine.turn_taking.turn_state import Contest, Continuation, FloorState, RecognizedWords, UserTurn


class TurnEffects:
    """Begins, changes and ends the user turn. Collects the actions until ``flush``.

    Args:
        options: the limits on preemptive replies, and the speech the gate has heard when a turn begins.
        gate: is reset when a turn ends.
        habit: learns the pauses within turns.
    """

    def __init__(self, options: ListeningOptions, gate: SpeechGate, habit: PauseHabit) -> None:
        self.turn: UserTurn | None = None
        """The one in progress."""

        self.unsent_ms = 0.0
        """Time in which the client has sent nothing; not part of the stream's ms. See ``Reopening``."""

        self._options = options
        self._gate = gate
        self._habit = habit
        self._preemptive = PreemptivePolicy(options.preemptive_replies, options.preemptive_grace_ms)
        self._reopening = Reopening()
        self._count = 0
        self._actions: list[Action] = []

    def tell(self, action: Action) -> None:
        """Add an action."""
        self._actions.append(action)

    def flush(self) -> list[Action]:
        """The actions since the last call, in order."""
        actions, self._actions = self._actions, []
        return actions

    # --- speech

    def begin(self, start_ms: float, now_ms: float, *, over_tutor: bool) -> UserTurn:
        """Begin a user turn, which may turn out to continue the one before."""
        self._count += 1
        self._preemptive.new_turn()
        turn = UserTurn(
            self._count,
            start_ms,
            now_ms,
            voiced_ms=max(0.0, self._options.vad.min_speech_ms - VAD_FRAME_MS),
            contest=Contest(over_tutor=over_tutor),
            continuation=Continuation(
                self._reopening.pause_ms(start_ms, self.unsent_ms), self._reopening.start_ms(start_ms, self.unsent_ms)
            ),
        )
        self.turn = turn
        self.tell(BeginUtterance(turn.id, start_ms))
        self.tell(SpeechStarted(start_ms))
        return turn

    def go_on(self, turn: UserTurn, ms: float) -> None:
        """The student speaks again within the user turn."""
        self._habit.learn(ms - turn.end_ms)
        turn.stopped = False
        self.tell(SpeechStarted(ms))

    def stop(self, turn: UserTurn, ms: float) -> None:
        """The student fell silent."""
        if not turn.stopped:
            turn.stopped = True
            self.tell(SpeechStopped(ms))

    def force_end(self, turn: UserTurn, now_ms: float) -> None:
        """End the user turn, even if the student goes on speaking."""
        turn.forced_ms = now_ms
        self._gate.reset()
        self.stop(turn, turn.end_ms)

    # --- questions

    def ask_words(self, turn: UserTurn, kind: Kind, now_ms: float) -> None:
        """Ask the recognizer."""
        turn.words.ask(kind, now_ms, turn.voiced_ms)
        self.tell(AskWords(turn.id, kind))

    def ask_turn_model(self, turn: UserTurn, now_ms: float) -> None:
        """Ask whether the student sounds finished."""
        turn.turn_model.asked_ms = now_ms
        self.tell(AskTurnModel(turn.id))

    def ask_completion(self, turn: UserTurn, text: str, now_ms: float) -> None:
        """Ask whether a sentence ends with these words."""
        turn.completion.ask(text, now_ms)
        self.tell(AskCompletion(turn.id, text))

    # --- the preemptive reply

    def prepare_reply(self, turn: UserTurn, transcript: Transcript, *, whole: bool) -> None:
        """The user turn may end with these words. A preemptive reply is begun only to ``whole`` ones."""
        self._actions += self._preemptive.words(transcript, turn.voiced_ms, whole=whole)

    def drop_overtaken_reply(self, turn: UserTurn) -> None:
        """Drop the preemptive reply once the student has spoken on for longer than a breath."""
        self._actions += self._preemptive.went_on(turn.voiced_ms)

    # --- the floor

    def duck(self, turn: UserTurn, now_ms: float, tutor_ms: float) -> None:
        """Lower the tutor's voice until it is decided who has the floor."""
        turn.contest.become(FloorState.DUCKED)
        turn.contest.over_tutor = True
        turn.contest.tutor_ms, turn.contest.ducked_ms = tutor_ms, now_ms
        self._actions += self._preemptive.drop()
        self.tell(Duck(turn.start_ms))

    def interrupt(self, turn: UserTurn, reason: Literal["words", "speech"]) -> None:
        """The student takes the floor, with words or with speech that lasts."""
        turn.contest.become(FloorState.TAKEN)
        self.tell(Interrupt(turn.start_ms, reason))
        if turn.continuation.before is not None:
            self.reopen(turn)

    def dismiss_noise(self, turn: UserTurn) -> None:
        """Give the tutor its voice back, though the noise goes on."""
        turn.contest.become(FloorState.DISMISSED)
        self.tell(Resume("noise"))

    def tutor_finished(self, turn: UserTurn) -> None:
        """Nobody contests the floor any more."""
        if turn.contest.floor is FloorState.DUCKED:
            self.tell(Resume("tutor_finished"))
        if turn.contest.undecided:
            turn.contest.become(FloorState.UNCONTESTED)

    # --- the turn before

    def recognize_with_turn_before(self, turn: UserTurn, start_ms: float) -> None:
        """Recognise the user turn before, which began at ``start_ms``, and this one as one utterance."""
        self._actions += self._preemptive.drop()
        self.tell(EndUtterance(turn.id))
        self._count += 1
        turn.restart_as(self._count, start_ms, self._reopening.text)
        self.tell(BeginUtterance(turn.id, start_ms))

    def reopen(self, turn: UserTurn) -> None:
        """The user turn before goes on in this one."""
        turn.continuation.before = None
        self.tell(UserTurnReopened(turn.start_ms))

    def forget_turn_before(self) -> None:
        """Nothing reopens the latest user turn that ended."""
        self._reopening = Reopening()

    # --- the end

    def commit(self, turn: UserTurn, words: RecognizedWords, now_ms: float, wait_ms: float) -> None:
        """The user turn is over, with these words."""
        transcript = words.transcript
        dropped, preemptive_id = self._preemptive.settle(transcript.text)
        self._actions += dropped
        self._gate.reset()
        self.stop(turn, turn.end_ms)
        if turn.continuation.pause_ms is not None:
            self._habit.learn(turn.continuation.pause_ms)
        self._reopening.ended(turn.start_ms, turn.end_ms, now_ms, transcript.text, self.unsent_ms)
        marks = {**turn.marks, "transcript": words.at_ms, "commit": now_ms}
        timings = {name: at_ms - turn.end_ms for name, at_ms in marks.items()}
        probability = turn.fresh_probability()
        if probability is not None:
            timings["probability"] = probability
        if turn.completion.score is not None and turn.completion.text == transcript.text:
            timings["completion"] = turn.completion.score
        timings["waited"] = wait_ms
        self.tell(UserTurnEnded(replace(transcript, final=True), turn.end_ms, 0.0, preemptive_id, timings))
        self._close(turn)

    def dismiss(
        self, turn: UserTurn, event: NoSpeechHeard | Resume | ListeningFailed | None, *, reset_gate: bool = True
    ) -> None:
        """Forget the user turn: it is not answered."""
        if reset_gate:
            self._gate.reset()
        self.stop(turn, turn.end_ms)
        if turn.contest.floor is FloorState.DUCKED and not isinstance(event, Resume):
            self.tell(Resume("noise"))
        self._actions += self._preemptive.drop()
        if event is not None:
            self.tell(event)
        self._close(turn)

    def _close(self, turn: UserTurn) -> None:
        if turn.closed:
            self.forget_turn_before()
        self.tell(EndUtterance(turn.id))
        self.turn = None
