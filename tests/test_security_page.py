"""The numbers of docs/security.md are those of the code."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.audio import live
from engine.avatars import making, portrait
from engine.knowledge import parse, passages
from engine.knowledge.items import KnowledgeLimits
from engine.knowledge.reading import pdf, word
from engine.llm import events
from engine.llm.exchange import ReplyLimits
from engine.protocol import bounded_json, incoming
from engine.recognition import recognizer
from engine.settings.groups import KnowledgeSettings, LimitSettings, LlmSettings, SessionSettings, SpeechSettings
from engine.transport import connections, port
from engine.transport.api import application, bodies, idle_clips, knowledge_api, middleware
from engine.transport.webrtc import commands, microphone, offers, peer, reassembly, routes
from engine.transport.webrtc import events as peer_events
from engine.transport.websocket import client

PAGE = (Path(__file__).parents[1] / "docs" / "security.md").read_text()


def mega(size: float) -> str:
    return f"{size / 1e6:.0f} MB"


ROWS: dict[str, list[str]] = {
    "connections": [
        f"{connections.PER_ADDRESS} an address", f"{connections.MAX_CONNECTIONS} in all",
        f"less {connections.RESERVED_FILES}", f"head: {port.HEAD_S:.0f} s", f"idle: {port.IDLE_CONNECTION_S:.0f} s",
    ],
    "page, avatars": [f"{idle_clips.CLIPS_KEPT} are kept"],
    "JSON bodies": [
        f"{application.MAX_BODY_BYTES:,} bytes, {bodies.MAX_VALUES} values", f"{middleware.BODY_S:.0f} s to arrive",
        f"{bounded_json.LOOP_CHARS:,} characters",
    ],
    "WebRTC offers": [
        f"{offers.OFFER_CHARS:,} characters, {offers.MAX_LINES} lines",
        f"{routes.OFFERS} in {routes.OFFERS_WINDOW_S:.0f} s a session", f"{routes.NEGOTIATIONS} of all sessions",
        f"{peer.CONNECT_S} s to connect",
    ],
    "WebSocket message": [
        f"{bounded_json.LOOP_CHARS:,} characters, {incoming.MAX_VALUES} values",
        f"texts: {LimitSettings().text_chars} characters", f"{client.MESSAGES_PER_SECOND} a second",
    ],
    "… `audio`": [mega(LimitSettings().message_bytes), f"pieces of {incoming.BASE64_PIECE // 1024} kB"],
    "WebSocket ping": [f"{client.CONTROL_FRAMES_PER_SECOND} a second", f"{SessionSettings().slow_client_s:.0f} s to"],
    "live microphone": [f"{client.BINARY_CHUNK_BYTES:,} bytes a frame", f"{mega(live.BACKLOG_BYTES)} of Opus"],
    "data channel message": [
        f"{commands.MESSAGE_BYTES:,} characters", f"{reassembly.MAX_FRAGMENTS} unfinished",
        f"{reassembly.MAX_STREAMS} streams", f"{commands.MESSAGES_PER_SECOND} a second",
    ],
    "WebRTC audio": [f"at most {microphone.MAX_AHEAD_S:.0f} s ahead", f"silent for {peer.SILENT_LINE_S} s"],
    "recordings": [
        f"{LimitSettings().audio_s:.0f} s of audio", f"at most {recognizer.PIECE_S:.0f} s",
        f"({recognizer.WHOLE_S:.0f} s, for one of up to {recognizer.LONG_RECORDING_S} s)",
        f"decoding: {LimitSettings().decode_s:.0f} s",
    ],
    "documents": [
        mega(KnowledgeSettings().document_bytes), f"{parse.MAX_CHARS:,} characters", f"{pdf.MAX_PAGES} pages",
        f"{mega(word.MAX_UNZIPPED)} unpacked", f"{knowledge_api.MAX_UPLOADS} received",
        f"{KnowledgeLimits().parse_s:.0f} s to read", f"{KnowledgeLimits().parse_bytes / 1e9:.1f} GB",
        f"at most {passages.MAX_CHARS} characters",
    ],
    "portraits": [
        mega(LimitSettings().avatar_upload_bytes), f"{portrait.MAX_PIXELS:,} pixels",
        f"{making.MAX_QUEUED} received, {making.MAX_QUEUED} made",
    ],
    "language model": [
        f"{events.LARGEST_EVENT:,} bytes", f"{events.LARGEST_BODY >> 20} MB",
        f"{LlmSettings().first_token_timeout_s:.0f} s to the first token",
        f"{LlmSettings().thinking_timeout_s:.0f} s when it thinks", f"{ReplyLimits().token_s:.0f} s between two",
    ],
    "speech server": [
        f"{SpeechSettings().first_sound_timeout_s:.0f} s to the first",
        f"{SpeechSettings().gap_timeout_s:.0f} s between",
    ],
    "a client that reads nothing": [
        f"{client.OUTBOX_MESSAGES} messages wait", f"channel: {peer_events.WAITING_MESSAGES}",
        f"{peer_events.BUFFERED_BYTES // 1000} kB", f"{SessionSettings().slow_client_s:.0f} s",
    ],
}  # fmt: skip
"""What must stand in the row that begins so."""


@pytest.mark.parametrize("entry", ROWS)
def test_the_limits_of_an_entry_point_are_those_of_the_code(entry: str) -> None:
    (row,) = [line for line in PAGE.splitlines() if line.startswith(f"| {entry}")]
    assert [limit for limit in ROWS[entry] if limit not in row] == []
