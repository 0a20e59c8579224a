"""Which tests are fast, and a check that no test leaves a task, thread or socket behind."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import stat
import threading
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psutil
import pytest
from hypothesis import HealthCheck, settings
from pytest_asyncio import is_async_test

# On a busy machine a single example may take any time.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("fuzz", parent=settings.get_profile("any machine"), max_examples=15_000, print_blob=True)
settings.register_profile("fast", parent=settings.get_profile("any machine"), max_examples=20, database=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "any machine"))

SLOW_FIXTURES = {
    "engine",
    "caller",
    "detector",
    "english",
    "multilingual",
    "voicebook",
    "networks",
    "models_dir",
    "coqui",
}
"""Fixtures that load real models or start a whole engine: a test that uses one is slow."""

SLOW_PLACES = (
    "browser/",
    "cli/test_package.py",
    "coqui/",
    "deploy/",
    "kokoro/",
    "package/",
    "rendering/musetalk/",
    "system/",
    "web_tier/",
    "animation/test_lipsync_pixels.py",
    "avatars/test_avatars_api.py::test_made_shown_replaced_and_deleted",
    "avatars/test_portrait.py",
    "cluster/test_acceptance.py",
    "cluster/test_door.py",
    "cluster/test_jetstream.py",
    "cluster/test_real_engines.py",
    "conversation/test_conversation_by_voice.py::test_whatever_the_pauses_one_voice_at_a_time",
    "conversation/test_conversation_turns.py::test_an_interruption_at_any_step_of_a_beginning_reply_ends_it",
    "conversation/test_interruptions.py::test_memory_is_what_was_played_whenever_the_student_cuts_in",
    "fuzz/test_client_bytes.py::test_documents",
    "fuzz/test_sockets.py",
    "knowledge/test_injection.py::test_the_embedded_model_does_not_obey",
    "knowledge/test_knowledge_store.py::test_a_parser_that_hangs_or_eats_memory_is_ended",
    "knowledge/test_knowledge_store.py::test_command_line",
    "knowledge/test_knowledge_store.py::test_killed_in_the_middle_it_is_whole",
    "knowledge/test_reading.py::test_reading_grows_with_the_size_of_a_document",
    "knowledge/test_retrieval.py",
    "knowledge/test_starter_course.py",
    "llm/test_completion.py::test_whole_sentences_score_higher_than_their_beginnings",
    "llm/test_llm.py::test_an_answer_without_end_is_cut_off_and_not_kept",
    "llm/test_llm_server.py",
    "models/test_catalog.py::test_a_killed_preparation_leaves_no_model_and_the_next_one_cleans_up",
    "models/test_catalog.py::test_a_voice_of_ones_own_is_prepared_too",
    "models/test_catalog.py::test_every_embedded_model_is_there_with_its_hash",
    "models/test_catalog.py::test_the_voice_tells_how_long_each_phoneme_lasts",
    "models/test_catalog.py::test_two_processes_prepare_once",
    "rendering/puppet/test_puppet_pictures.py::test_compiled_loops_draw_what_tensors_draw[avatar_tutor_13-",
    "rendering/puppet/test_puppet_pictures.py::test_compiled_loops_draw_what_tensors_draw[avatar_tutor_7-",
    "rendering/puppet/test_puppet_pictures.py::test_nothing_is_kept_for_a_session_that_was_forgotten",
    "rendering/puppet/test_puppet_pictures.py::test_the_same_avatar_in_another_size_is_the_same_picture_larger",
    "speaking/test_heard_by_whisper.py",
    "speaking/test_hibari.py",
    "speaking/test_piper_graph.py",
    "sessions/test_sessions.py::test_a_session_does_not_expire_while_its_tutor_speaks",
    "text/test_growth.py",
    "transport/media/test_media_browser.py",
    "transport/media/test_media_firefox.py",
    "transport/webrtc/test_webrtc_browser.py",
    "transport/webrtc/test_webrtc_bundles.py::test_every_order_and_policy_connects_with_voice_face_and_events[balanced-",
    "transport/webrtc/test_webrtc_bundles.py::test_every_order_and_policy_connects_with_voice_face_and_events[max-compat-",
    "transport/websocket/test_thin_lines.py",
    "transport/webrtc/test_webrtc_peer.py",
    "transport/webrtc/test_webrtc_poor_networks.py",
    "transport/webrtc/test_webrtc_transcript.py",
    "transport/webrtc/test_webrtc_visibility.py",
    "turn_taking/test_listener_on_real_models.py",
    "turn_taking/test_turn_model_setting.py",
    "turn_taking/test_voice_models.py",
)
"""Tests that load models without a fixture, start processes, wait in real time or try very many cases: a folder, file
or test each."""

HERE = Path(__file__).parent


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """The fast tier does not even import folders and files that are slow as a whole."""
    place = collection_path.relative_to(HERE).as_posix() + "/" * collection_path.is_dir()
    return True if _is_fast_tier(config) and place.startswith(SLOW_PLACES) else None


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options of tests/fuzz/test_sockets.py."""
    group = parser.getgroup("fuzz")
    group.addoption("--fuzz-seed", type=int, default=0, help="what the fuzzer of sockets draws its cases from")
    group.addoption("--fuzz-seconds", type=float, help="for each entry of the fuzzer of sockets")
    group.addoption("--fuzz-case", help="ENTRY:NUMBER: this case of the fuzzer of sockets alone")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks the slow tests; the rest are the fast tier."""
    for item in items:
        place = item.nodeid.removeprefix("tests/")
        if place.startswith(SLOW_PLACES) or SLOW_FIXTURES & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.slow)


FAST_TEST_CPU_S = 2.0
"""Processor time, in seconds, that a test of the fast tier may take, with its fixtures and child processes. Wall-clock
time would depend on what else runs on the machine."""

_too_long_for_fast: list[tuple[float, str]] = []


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Notes fast tests that exceed the limit."""
    before = _cpu_s()
    result = yield
    spent = _cpu_s() - before
    if spent > FAST_TEST_CPU_S and item.get_closest_marker("slow") is None:
        _too_long_for_fast.append((spent, item.nodeid))
    return result


def pytest_sessionfinish(session: pytest.Session) -> None:
    """The fast tier fails on such a test; CI, whose machines may be slow, and other runs only report it."""
    fast_tier = _is_fast_tier(session.config)
    if _too_long_for_fast and fast_tier and not os.environ.get("CI") and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Lists the fast tests that exceeded the limit."""
    if _too_long_for_fast:
        terminalreporter.section(
            f"fast tests over {FAST_TEST_CPU_S} s of processor time: mark them slow or speed them up"
        )
        for spent, nodeid in sorted(_too_long_for_fast, reverse=True):
            terminalreporter.line(f"{spent:5.1f} s  {nodeid}")


def _is_fast_tier(config: pytest.Config) -> bool:
    return bool(config.getoption("markexpr") == "not slow")


def _cpu_s() -> float:
    """Processor time of this process and of the child processes it has waited for, in seconds."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


LEAK_S = 10.0
"""What has not ended by then is left behind. Only a failing test waits for so long."""

LASTING_THREADS = ("pytest_", "asyncio_", "ThreadPoolExecutor", "AnyIO", "tqdm")
"""Prefixes of the names of threads that belong to libraries or to the event loop's default executor and may outlive a
test."""


@pytest.fixture(autouse=True, scope="module")
def _short_collections() -> Iterator[None]:
    """Leaves what earlier files imported and loaded out of garbage collections. A full collection of the whole test
    process would take a second, in which no event loop answers."""
    gc.collect()
    gc.freeze()
    yield


@pytest.fixture(autouse=True)
def no_leaked_threads_or_sockets() -> Iterator[None]:
    """Fails a test that leaves a thread or an inet socket behind; those of fixtures with a wider scope may stay."""
    threads_before = set(threading.enumerate())
    sockets_before = _sockets()
    yield
    deadline = time.monotonic() + LEAK_S
    while True:
        threads = [
            t
            for t in set(threading.enumerate()) - threads_before
            if t.is_alive() and not t.name.startswith(LASTING_THREADS)
        ]
        sockets = _inet(_sockets() - sockets_before)
        if (not threads and not sockets) or time.monotonic() > deadline:
            break
        # What only waits for the garbage collector is not a leak; collecting after every test costs minutes.
        gc.collect()
        time.sleep(0.02)
    assert not threads, f"leaked threads: {[t.name for t in threads]}"
    assert not sockets, f"leaked sockets: {sockets}"


@pytest.fixture(autouse=True)
def no_leaked_tasks(request: pytest.FixtureRequest) -> None:
    """Fails an async test that leaves a task behind in its event loop. A sync test is not given a loop for this."""
    if is_async_test(request.node):
        request.getfixturevalue("_tasks_of_the_loop")


@pytest.fixture
async def _tasks_of_the_loop() -> AsyncIterator[None]:
    before = asyncio.all_tasks()
    yield
    deadline = time.monotonic() + LEAK_S
    while True:
        left = [t for t in asyncio.all_tasks() - before - {asyncio.current_task()} if not t.done()]
        if not left:
            return
        if time.monotonic() > deadline:
            break
        await asyncio.sleep(0.01)
    pytest.fail(f"leaked tasks: {[t.get_name() + ' ' + str(t.get_coro()) for t in left]}")


DESCRIPTORS = Path("/proc/self/fd")


def _sockets() -> set[tuple[int, int]]:
    """Open sockets of any kind: the descriptor, and what distinguishes it from a later one with the same number."""
    if not DESCRIPTORS.is_dir():  # not Linux
        return {(c.fd, hash((c.laddr, c.raddr))) for c in psutil.Process().net_connections(kind="inet")}
    found = set()
    for name in os.listdir(DESCRIPTORS):  # noqa: PTH208
        with contextlib.suppress(OSError):  # the one that lists is closed by now
            status = os.fstat(int(name))
            if stat.S_ISSOCK(status.st_mode):
                found.add((int(name), status.st_ino))
    return found


def _inet(sockets: set[tuple[int, int]]) -> set[tuple[object, ...]]:
    """Those that are connections or open ports. Asking the system takes milliseconds, so only when there are any."""
    if not sockets:
        return set()
    numbers = {number for number, _ in sockets}
    return {
        (c.fd, c.laddr, c.raddr)
        for c in psutil.Process().net_connections(kind="inet")
        if c.fd in numbers and c.status not in ("TIME_WAIT", "CLOSE_WAIT")
    }
