"""Finds Whisper's known faults in what it wrote: endless repetition, and words that nobody said.

In: the words of a hypothesis and the evidence for them. Out: the words to keep. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from engine.items import Word
from engine.recognition.agreement import normal
from engine.recognition.hallucinations import INVENTED
from engine.recognition.speech_spans import SpeechTrack, find_speech

LOOP_PASSES = 3
"""A phrase repeated this often, up to the very end, is a loop; a single word needs one more ("no, no, no")."""

LONGEST_PHRASE = 24
"""Longest phrase that is checked for repetition, words."""

SHORTEST_ECHO = 3
"""Words. People do say "very, very" and "thank you, thank you"."""

UNSPOKEN_MS = 60
"""A word takes 100 ms and more to say. An echo's words are all found at the same place."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Evidence for and against a hypothesis."""

    no_speech: float
    """Whisper's P(nobody speaks), 0..1. Above 0.8 real speech was not seen on the English model;
    synthetic voices and other languages reach it."""

    avg_logprob: float
    """Mean log probability of its tokens; below -1 Whisper was guessing."""

    speech_s: float
    """Seconds the voice detector took for speech."""

    speech_peak: float
    """Highest P(speech) of the voice detector, 0..1."""


def evidence_of(track: SpeechTrack, no_speech: float, avg_logprob: float) -> Evidence:
    """The evidence for a window, from the voice detector and from Whisper's own doubts."""
    speech_s = sum(span.seconds for span in find_speech(track))
    return Evidence(no_speech, avg_logprob, speech_s, float(track.probabilities.max(initial=0.0)))


def is_believable(words: Sequence[str], evidence: Evidence) -> bool:
    """Whether somebody is likely to have said these words.

    The thresholds are judgements: no recorded measurement backs them. Whisper's own defaults (0.6 for no speech,
    -1 for the log probability) were the starting point. ``Evidence`` says what its values mean.
    """
    spoken = "".join(normal(word) for word in words)
    if not spoken or evidence.speech_s <= 0:
        return False
    heard = evidence.speech_s >= 0.25 and evidence.speech_peak >= 0.8
    if evidence.no_speech > 0.8 and (not heard or evidence.avg_logprob < -1.3):
        return False
    guessed = evidence.no_speech > 0.6 or evidence.avg_logprob < -0.9 or not heard
    return not (guessed and spoken in INVENTED)


def cut_closing_loop(words: Sequence[str], *, was_capped: bool = False) -> int:
    """How many words to keep: all, or up to the first pass of a phrase repeated until the end.

    Args:
        words: of the hypothesis.
        was_capped: the decoder was stopped by the token limit, so it was running away and two
            passes are enough to call it a loop. Its last word may be half a word and goes.
    """
    forms = [normal(word) for word in (words[:-1] if was_capped else words)]
    best = len(forms)
    for period in range(1, min(LONGEST_PHRASE, len(forms) // 2) + 1):
        run = period
        while run < len(forms) and forms[-1 - run] == forms[-1 - run + period]:
            run += 1
        passes = run / period
        enough = LOOP_PASSES + (period == 1) if not was_capped or period < 3 else 2
        if passes >= enough:
            best = min(best, len(forms) - run + period)
    return best


def closing_echo(words: Sequence[str]) -> int:
    """How many words the phrase has that ends these twice in a row; 0 when none does."""
    forms = [normal(word) for word in words]
    for period in range(min(LONGEST_PHRASE, len(forms) // 2), SHORTEST_ECHO - 1, -1):
        if forms[-period:] == forms[-2 * period : -period]:
            return period
    return 0


def is_unspoken(times: Sequence[Word]) -> bool:
    """Whether these words, which follow each other, were heard in no time: Whisper repeated itself."""
    return len(times) > 1 and times[-1].start_ms - times[0].start_ms < UNSPOKEN_MS * (len(times) - 1)
