"""Whole peers over loopback: what is seen and heard, when, and what is left afterwards."""

from __future__ import annotations

import asyncio
import fractions
import gc
import itertools
import threading

import numpy as np
import psutil
import pytest
from aiortc.mediastreams import MediaStreamTrack
from aiortc.rtcrtpreceiver import RTCRtpReceiver
from aiortc.rtp import AnyRtcpPacket, RtcpSrPacket
from av import AudioFrame
from structlog.testing import capture_logs

from engine.items import MediaFrame
from engine.protocol.outgoing import InterruptedEvent, TextDeltaEvent
from engine.transport.webrtc import peer as peer_module
from engine.transport.webrtc import routes as routes_module
from engine.transport.webrtc.broadcast import SILENCE_TICKS
from engine.transport.webrtc.playout import TICK_S
from engine.transport.webrtc.sink import PeerSink
from tests.frames import beeps
from tests.transport.webrtc.webrtc_stage import Browser, Seen, Stage, open_stage


def onsets(seen: list[Seen]) -> list[float]:
    times = [s.time for s in seen]
    return [t for i, t in enumerate(times) if i == 0 or t - times[i - 1] > 0.1]


async def settle(browser: Browser) -> None:
    """Until media flows both ways."""
    await browser.wait(lambda: len(browser.pictures) > 3 and len(browser.sounds) > 3)


class Tone(MediaStreamTrack):
    """A microphone: 0.5 s of silence, then a tone."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self._count = itertools.count()
        self._began: float | None = None

    async def recv(self) -> AudioFrame:
        loop = asyncio.get_running_loop()
        self._began = self._began or loop.time()
        number = next(self._count)
        await asyncio.sleep(max(0.0, self._began + number * 0.02 - loop.time()))
        at = (np.arange(960) + number * 960) / 48000
        samples = (8000 * np.sin(2 * np.pi * 440 * at) * (at >= 0.5)).astype(np.int16)
        frame = AudioFrame.from_ndarray(samples[None], format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 48000, number * 960, fractions.Fraction(1, 48000)
        return frame


async def test_idle_face_and_silence_flow_before_anybody_speaks(stage: Stage) -> None:
    async with stage.browser() as browser:
        await browser.wait(lambda: len(browser.pictures) > 8 and _quiet_s(browser) > 1)
        assert not browser.loud()
        assert all(100 < p.level < 140 for p in browser.pictures[2:])
        ready = await browser.event("ready")
    assert ready["avatar"] == "avatar_tutor_13"
    assert ready["size"] == [128, 128]
    steps = np.diff([s.time for s in browser.sounds]) / 0.02
    assert np.median(steps) == pytest.approx(1.0)
    # When the machine stands still for half a second the time is skipped, in whole ticks.
    assert steps == pytest.approx(np.round(steps), abs=1e-4)


def _quiet_s(browser: Browser) -> float:
    """How long silence has no longer been coded, in RTP time, at least."""
    return browser.sounds[-1].time - SILENCE_TICKS * 0.02 if browser.sounds else 0.0


async def test_the_first_word_after_a_long_silence_is_whole_and_in_time(stage: Stage) -> None:
    async with stage.browser() as browser:
        await browser.wait(lambda: _quiet_s(browser) > 0.5)
        sink = stage.conversation.sink
        await sink.media(beeps(1, 20, loud=True))
        await sink.finish(1)
        await browser.wait(lambda: len(browser.loud()) >= 40 and len(browser.bright()) > 10)
        loud = [s.time for s in browser.loud()]
        # The coder lags 6.5 ms, so that the last piece holds a rest of the sound.
        assert np.diff(loud) == pytest.approx(0.02, abs=1e-4)
        assert browser.bright()[0].time - loud[0] == pytest.approx(0.0, abs=0.041)


@pytest.mark.parametrize("codec", ["h264", "vp8"])
async def test_sound_and_picture_of_a_frame_have_one_time(codec: str) -> None:
    async with open_stage(webrtc_codec=codec) as stage, stage.browser() as browser:
        await settle(browser)
        await _say(stage.conversation.sink, beeps(1, 50, (10, 25, 40), flash=4))
        await browser.wait(lambda: len(onsets(browser.bright())) == 3 and len(onsets(browser.loud())) == 3)
        heard, seen = np.diff(onsets(browser.loud())), np.diff(onsets(browser.bright()))
        # Longer when the machine stood still in between, but together.
        assert (heard > 0.579).all()
        assert seen == pytest.approx(heard, abs=0.041)
        played = [call for call in stage.conversation.calls if call[0] == "played"]
        assert played
        assert 0 <= played[-1][2] <= 2000


async def test_reports_lay_sound_and_picture_on_one_wall_clock(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    async with stage.browser() as browser:
        reports: dict[str, list[tuple[int, int]]] = {"audio": [], "video": []}
        for transceiver in browser.pc.getTransceivers():
            _note_reports(transceiver.receiver, reports[transceiver.kind], monkeypatch)
        await settle(browser)
        sink = stage.conversation.sink
        await sink.media(beeps(1, 20, (10,)))
        await sink.finish(1)
        await browser.wait(lambda: browser.loud() and browser.bright() and all(len(r) > 3 for r in reports.values()))
        origins = {
            t.kind: vars(t.receiver)["_RTCRtpReceiver__timestamp_mapper"]._origin for t in browser.pc.getTransceivers()
        }
    rates = {"audio": 48_000, "video": 90_000}
    starts = {}
    for kind, pairs in reports.items():
        # The wall clock at which the track's time was 0, by each report.
        zeros = [ntp / 2**32 - (rtp - origins[kind]) / rates[kind] for ntp, rtp in pairs]
        assert np.ptp(zeros) < 1e-3, kind
        starts[kind] = zeros[0]
    heard, seen = starts["audio"] + browser.loud()[0].time, starts["video"] + browser.bright()[0].time
    # The coder lags 6.5 ms and the sound is measured in pieces of 20 ms.
    assert heard == pytest.approx(seen, abs=0.021)


def _note_reports(receiver: RTCRtpReceiver, into: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch) -> None:
    handle = receiver._handle_rtcp_packet

    async def note(packet: AnyRtcpPacket) -> None:
        if isinstance(packet, RtcpSrPacket):
            into.append((packet.sender_info.ntp_timestamp, packet.sender_info.rtp_timestamp))
        await handle(packet)

    monkeypatch.setattr(receiver, "_handle_rtcp_packet", note)


async def test_after_an_interruption_nothing_of_the_turn_is_seen_or_heard(stage: Stage) -> None:
    async with stage.browser() as browser:
        await settle(browser)
        sink = stage.conversation.sink
        await sink.media(beeps(1, 25, loud=True))
        await browser.wait(lambda: browser.loud() and browser.bright())
        # The clock's RTP time now, less what packets need from it to the browser.
        dropped_at = asyncio.get_running_loop().time() - min(s.at - s.time for s in browser.sounds)
        sink.drop(1)
        await sink.event(TextDeltaEvent(turn=1, content="stale"))
        await sink.event(InterruptedEvent(turn=1, played_ms=100, content="Hi", reason="voice", timings={}))
        await sink.media(beeps(1, 5, loud=True))
        await browser.event("interrupted")
        await asyncio.sleep(0.8)
        # What was in the encoder or on its way; without the drop there would be 900 ms more. The fade is too soft to
        # count.
        last = browser.loud()[-1].time
        assert last <= dropped_at + 0.15
        assert len(browser.bright()) <= (last - browser.loud()[0].time) / 0.04 + 3
        assert not any(e["type"] == "text_delta" for e in browser.events)
        await sink.media(beeps(2, 5, loud=True))
        await sink.finish(2)
        await browser.wait(lambda: browser.loud()[-1].time > last + 0.1)


async def test_a_reply_waits_for_playback_and_a_drop_frees_it(stage: Stage) -> None:
    async with stage.browser() as browser:
        await settle(browser)
        sink = stage.conversation.sink
        frames = beeps(1, 60)
        sent = 0

        async def speak() -> None:
            nonlocal sent
            for i in range(0, 60, 5):
                await sink.media(frames[i : i + 5])
                sent += 5

        loop = asyncio.get_running_loop()
        began, task = loop.time(), asyncio.create_task(speak())
        await asyncio.sleep(0.3)
        assert sent <= 25 + 5 + (loop.time() - began) / 0.04, "no more than a second ahead"
        sink.drop(1)
        await asyncio.wait_for(task, 60)


async def test_microphone_reaches_the_listener_with_its_timeline(stage: Stage) -> None:
    async with stage.browser(microphone=Tone()):
        heard = stage.conversation.heard
        async with asyncio.timeout(60):
            while sum(len(c.pcm) for c in heard) < 24_000:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
    assert [c.start_sample for c in heard] == [0, *np.cumsum([len(c.pcm) for c in heard])[:-1]]
    pcm = np.concatenate([c.pcm for c in heard])
    loud = np.flatnonzero(np.abs(pcm) > 0.05)
    assert loud[0] / 16000 == pytest.approx(0.5, abs=0.03)
    spectrum = np.abs(np.fft.rfft(pcm[loud[0] + 1600 : loud[0] + 1600 + 8000]))
    assert np.argmax(spectrum) * 2 == pytest.approx(440, abs=4)


async def test_commands_reach_the_conversation_and_mistakes_are_answered(stage: Stage) -> None:
    async with stage.browser() as browser:
        browser.send(type="text", content=" What is a noun? ")
        browser.send(type="interrupt")
        browser.send(type="end_talk")
        browser.send(type="greet")
        browser.send(type="playback", turn=3, position_ms=120)
        browser.send(type="ping")
        await browser.event("pong")
        wanted = [("say", "What is a noun?"), ("interrupt",), ("end_talk",), ("greet",), ("played", 3, 120.0)]
        assert [c for c in stage.conversation.calls if c[0] != "detach"] == wanted
        browser.channel.send("not json")
        browser.channel.send(b"\0\1")
        browser.send(type="nonsense")
        browser.send(type="text", content="x" * 5000)
        browser.send(type="text", content="hi", avatar_id="../../etc/passwd")
        browser.send(type="audio", data="AAAA")
        browser.channel.send("x" * 100_000)
        await browser.wait(lambda: sum(e["type"] == "error" for e in browser.events) == 7)
        codes = [e["code"] for e in browser.events if e["type"] == "error"]
        assert codes == [
            "bad_request", "bad_request", "unknown_type", "invalid_field", "conflict", "conflict", "too_large",
        ]  # fmt: skip
        for _ in range(200):
            browser.send(type="ping")
        await browser.wait(lambda: any(e.get("code") == "too_fast" for e in browser.events))
        assert sum(e["type"] == "pong" for e in browser.events) < 201
        await asyncio.sleep(1.1)
        count = len(browser.events)
        browser.send(type="ping")
        await browser.wait(lambda: browser.events[count:] == [{"type": "pong"}])


async def test_whip_offer_and_hang_up(stage: Stage) -> None:
    async with stage.browser(whip=True, video=False) as browser:
        await browser.wait(lambda: len(browser.sounds) > 3)
        assert not browser.pictures
        url, headers = stage.base + browser.location, {"Authorization": "Bearer the-token"}
        async with stage.http.delete(url) as reply:
            assert reply.status == 403 or reply.status == 401
        async with stage.http.delete(url, headers=headers) as reply:
            assert reply.status == 204
        assert not stage.session.connections
        assert stage.conversation.sink is None
        async with stage.http.delete(url, headers=headers) as reply:
            assert reply.status == 404


async def test_bad_offers_get_their_errors_and_leave_nothing(stage: Stage) -> None:
    async with stage.browser() as browser:
        await settle(browser)
        cases = [
            ({"sdp": "hello", "type": "offer"}, 400),
            ({"sdp": 5}, 422),
            ({"type": "offer"}, 422),
            ("v=0", 422),
        ]
        for body, status in cases:
            answered, error, _ = await stage.post(body)
            assert (answered, error["error"]["code"][:3]) == (status, {400: "bad", 422: "inv"}[status])
        answered, error, _ = await stage.post({"sdp": "x", "type": "offer"}, token="another")
        assert answered == 403
        # One offer of the browser and four bad ones: the session has used up its allowance.
        answered, error, headers = await stage.post({"sdp": "x", "type": "offer"})
        assert (answered, error["error"]["code"]) == (429, "too_fast")
        assert int(headers["Retry-After"]) >= 1
        count = len(browser.sounds)
        await browser.wait(lambda: len(browser.sounds) > count + 10)
    assert len(stage.session.connections) <= 1


async def test_a_hundred_offers_at_once_are_refused_and_a_conversation_goes_on(stage: Stage) -> None:
    async with stage.browser() as browser:
        await settle(browser)
        speech = asyncio.create_task(_say(stage.conversation.sink, beeps(1, 50, loud=True)))
        answers = await asyncio.gather(
            *(stage.post({"sdp": "hello", "type": "offer"}) for _ in range(50)),
            *(stage.post({"sdp": "hello", "type": "offer"}, token="another") for _ in range(50)),
        )
        assert {status for status, _, _ in answers[:50]} == {400, 429}
        assert sum(status == 400 for status, _, _ in answers[:50]) == routes_module.OFFERS - 1
        assert {status for status, _, _ in answers[50:]} == {403}
        assert all(set(body["error"]) == {"code", "message"} for _, body, _ in answers)
        await browser.wait(lambda: len(browser.loud()) > 25)
        await speech
        # The clock goes on; it may have skipped time when the whole process stood still, this test's part included.
        steps = np.diff([s.time for s in browser.loud()]) / TICK_S
        assert np.median(steps) == pytest.approx(1.0)
        assert steps == pytest.approx(np.round(steps), abs=1e-4)
        browser.send(type="ping")
        await browser.event("pong")
    assert len(stage.session.connections) <= 1


async def _say(sink: PeerSink, frames: list[MediaFrame]) -> None:
    for at in range(0, len(frames), 5):
        await sink.media(frames[at : at + 5])
    await sink.finish(frames[0].reply)


async def test_a_new_peer_takes_the_place_of_the_old_one_and_the_old_one_is_told(stage: Stage) -> None:
    async with stage.browser() as first:
        await settle(first)
        async with stage.browser() as second:
            await settle(second)
            closed = await first.event("closed")
            assert (closed["code"], closed["reason"]) == (1008, "replaced by another connection")
            await first.wait(lambda: first.pc.connectionState == "closed")
            assert len(stage.session.connections) == 1
            assert not any(e["type"] == "closed" for e in second.events)


async def test_a_peer_that_vanishes_is_noticed(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peer_module, "SILENT_LINE_S", 1.5)
    monkeypatch.setattr(peer_module, "CHECK_LINE_S", 0.3)
    async with stage.browser() as browser:
        await settle(browser)
        await asyncio.sleep(2.5)
        assert stage.session.connections, "a quiet but living peer stays"
        for sender in browser.pc.getSenders():
            monkeypatch.setattr(sender.transport.transport, "_send", _nowhere)
            monkeypatch.setattr(sender.transport.transport._connection, "send", _nowhere)
        await browser.wait(lambda: not stage.session.connections)
        assert stage.conversation.sink is None


async def _nowhere(data: bytes) -> None:
    """A network that swallows everything."""


async def test_an_offer_that_never_connects_is_given_up(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peer_module, "CONNECT_S", 0.5)
    async with stage.browser() as browser:
        sdp = browser.pc.localDescription.sdp.replace("a=ice-pwd:", "a=ice-pwd:wrong")
    status, _, _ = await stage.post({"sdp": sdp, "type": "offer"})
    assert status == 200
    async with asyncio.timeout(60):
        while stage.session.connections:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def test_a_receiver_that_lost_pictures_gets_a_keyframe(stage: Stage) -> None:
    async with stage.browser() as browser:
        await settle(browser)
        await asyncio.sleep(0.5)  # longer than the least time between two keyframes
        before = len(browser.pictures)
        assert not any(p.keyframe for p in browser.pictures[1:])
        receiver = next(t.receiver for t in browser.pc.getTransceivers() if t.kind == "video")
        (source,) = receiver.getSynchronizationSources()
        await receiver._send_rtcp_pli(source.source)
        await browser.wait(lambda: any(p.keyframe for p in browser.pictures[before:]))


async def test_a_tutor_whose_avatar_is_missing_gets_the_default_one_and_a_warning(stage: Stage) -> None:
    stage.conversation.profile.avatar = "deleted"
    with capture_logs() as logs:
        async with stage.browser() as browser:
            assert (await browser.event("ready"))["avatar"] == "avatar_tutor_13"
    warnings = [entry for entry in logs if entry["log_level"] == "warning"]
    assert [(w["event"], w["avatar"]) for w in warnings] == [("tutor_avatar_missing", "deleted")]


async def test_a_missing_avatar_that_the_client_names_is_refused(stage: Stage) -> None:
    async with stage.browser() as browser:
        offer = {"sdp": browser.pc.localDescription.sdp, "type": "offer", "avatar_id": "nobody"}
        status, body, _ = await stage.post(offer)
    assert (status, body["error"]["code"]) == (422, "unknown_avatar")


async def test_ports_are_taken_from_the_range() -> None:
    async with open_stage(webrtc_ports="41500-41540", webrtc_public_address="198.51.100.4") as stage:
        async with stage.browser() as browser:
            answer = browser.pc.remoteDescription.sdp
        lines = [line.split() for line in answer.splitlines() if line.startswith("a=candidate:")]
        assert lines
        assert all(41500 <= int(words[5]) <= 41540 for words in lines)
        assert any(words[4] == "198.51.100.4" for words in lines)


async def test_ice_servers_are_handed_to_the_page() -> None:
    async with open_stage(ice_servers="turn:turn.example.org", ice_turn_secret="s") as stage:
        url = f"{stage.base}/v1/sessions/s1/ice"
        async with stage.http.get(url, headers={"Authorization": "Bearer the-token"}) as reply:
            body = await reply.json()
    assert body["ice_servers"][0]["urls"] == ["turn:turn.example.org"]
    assert body["ice_servers"][0]["credential"]


async def test_peers_that_come_and_go_leave_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routes_module, "OFFERS", 1000)
    async with open_stage() as stage:

        async def come_and_go(rounds: int) -> None:
            for number in range(rounds):
                async with stage.browser() as browser:
                    await stage.conversation.sink.media(beeps(number + 1, 2, loud=True))
                    await browser.wait(lambda: len(browser.sounds) > 2)

        process = psutil.Process()

        def held() -> tuple[int, int, int]:
            gc.collect()
            # The loop's own pool grows until it is full.
            threads = [t for t in threading.enumerate() if not t.name.startswith("asyncio_")]
            return len(asyncio.all_tasks()), len(threads), process.num_fds()

        await come_and_go(3)
        await asyncio.sleep(0.3)
        tasks, threads, files = held()
        memory = process.memory_info().rss
        await come_and_go(10)
        async with asyncio.timeout(60):
            while held()[0] > tasks or stage.session.connections:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        assert held()[1] <= threads
        assert held()[2] <= files
        assert process.memory_info().rss - memory < 20e6
