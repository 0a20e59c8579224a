"""The WebRTC addresses for ``/openapi.json``."""

from __future__ import annotations

from engine.transport.api.openapi import JsonObject, json_content, operation

_OFFERED = {**json_content("PeerOffer"), "application/sdp": {"schema": {"type": "string"}}}

PATHS: dict[str, dict[str, JsonObject]] = {
    "/v1/sessions/{session_id}/webrtc": {
        "post": {
            **operation(
                "Open a peer: an offer for an answer (JSON), or the WHIP exchange (application/sdp gives 201)",
                answers=json_content("PeerAnswer"),
                token=True,
                errors=("400", "401", "404", "413", "422", "429", "503"),
                parameters=("session_id",),
            ),
            "requestBody": {"required": True, "content": _OFFERED},
        }
    },
    "/v1/sessions/{session_id}/webrtc/{peer_id}": {
        "delete": operation(
            "Hang up", status="204", token=True, errors=("401", "404"), parameters=("session_id", "peer_id")
        )
    },
    "/v1/sessions/{session_id}/ice": {
        "get": operation(
            "ICE servers for a page, with short-lived TURN passwords",
            token=True,
            errors=("401", "404"),
            answers=json_content("IceServers"),
            parameters=("session_id",),
        )
    },
}
"""Paths and their operations, for ``engine.transport.api.openapi.description``."""
