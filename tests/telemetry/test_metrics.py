"""The engine's metrics: Prometheus's conventions, and what workers, queues and the machine add."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time

import pytest
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.parser import text_string_to_metric_families

from engine.concurrency import waits
from engine.concurrency.worker import Worker
from engine.recognition.decode_queue import DecodeQueue, Urgency
from engine.telemetry import Metrics
from engine.telemetry.machine import descendants, resident_bytes
from tests.telemetry.promtool import needs_promtool, promtool


def every_metric() -> Metrics:
    """Metrics with at least one sample each."""
    metrics = Metrics()
    for metric in vars(metrics).values():
        if isinstance(metric, MetricWrapperBase) and metric._labelnames:
            metric.labels(*["some"] * len(metric._labelnames))
    return metrics


@needs_promtool
def test_prometheus_finds_nothing_wrong_with_the_metrics() -> None:
    assert promtool("check", "metrics", given=every_metric().render()) == ""


def test_metrics_have_base_units_and_say_what_they_are() -> None:
    for family in text_string_to_metric_families(every_metric().render().decode()):
        assert family.documentation.endswith("."), family.name
        assert not family.name.endswith(("_ms", "_milliseconds", "_mb", "_percent")), family.name


async def test_waiting_for_a_worker_is_measured_apart_from_its_work() -> None:
    metrics = Metrics()
    worker = Worker("busy", threads=1)
    async with metrics.watch_loop():
        await asyncio.gather(*(worker.run(time.sleep, 0.05) for _ in range(3)))
    worker.close()
    value = metrics.registry.get_sample_value
    assert value("tutor_worker_seconds_count", {"worker": "busy"}) == 3
    # The second waits for the first, the third for both.
    assert (value("tutor_queue_wait_seconds_sum", {"queue": "busy"}) or 0) >= 0.14
    await Worker("after", threads=1).run(int)
    assert value("tutor_worker_seconds_count", {"worker": "after"}) is None, "measured after the engine ended"


async def test_recognitions_that_wait_are_told_with_their_time() -> None:
    metrics = Metrics()
    queue = DecodeQueue("asr", workers=1)
    metrics.watch_recognizer(lambda: queue.depth)
    value = metrics.registry.get_sample_value
    async with metrics.watch_loop():
        jobs = [asyncio.create_task(queue.run(Urgency.PARTIAL, 1.0, lambda ticket: time.sleep(0.05))) for _ in range(3)]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert value("tutor_asr_backlog") == 2
        await asyncio.gather(*jobs)
    queue.close()
    assert value("tutor_asr_backlog") == 0
    assert (value("tutor_queue_wait_seconds_sum", {"queue": "asr-queue"}) or 0) >= 0.14


def test_observers_stop_with_their_context_even_after_a_failure() -> None:
    seen: list[str] = []
    with pytest.raises(KeyError), waits.observing(lambda queue, waited, took: seen.append(queue)):
        waits.note("inside", 0.0, 0.0)
        raise KeyError
    waits.note("outside", 0.0, 0.0)
    assert seen == ["inside"]


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_memory_of_child_processes_is_found() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        assert child.pid in descendants(os.getpid())
        value = Metrics().registry.get_sample_value("tutor_children_resident_memory_bytes")
        assert value is not None and value >= resident_bytes(child.pid) * 0.5 > 0
        child.communicate(b"\n")
    assert child.pid not in descendants(os.getpid())
    assert resident_bytes(child.pid) == 0
