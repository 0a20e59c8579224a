"""Runs a synthesis that computes a clause piece by piece: one job of a worker for each."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

from engine.concurrency.worker import Worker
from engine.errors import SynthesisFailed
from engine.items import Speech
from engine.models.onnx import MODEL_ERRORS


async def spoken_pieces(worker: Worker, next_piece: Callable[[], Speech], voice_id: str) -> AsyncIterator[Speech]:
    """The pieces of a clause up to the one with ``last`` set. Nothing more is computed once the iterator is closed.

    Args:
        worker: where ``next_piece`` runs.
        next_piece: computes until there is audio to play.
        voice_id: for the message of an error.

    Raises:
        SynthesisFailed: a network failed.
    """
    last = False
    while not last:
        try:
            speech = await worker.run(next_piece)
        except MODEL_ERRORS as error:
            raise SynthesisFailed(f"voice {voice_id} could not speak a clause") from error
        last = speech.last
        yield speech
