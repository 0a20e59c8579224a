"""The WebRTC addresses for ``/openapi.json``."""

from __future__ import annotations

from engine.transport.api.openapi import JsonObject, operation

_STRING = {"type": "string"}
_OFFER = {"type": "object", "required": ["sdp"], "properties": {"sdp": _STRING, "type": _STRING, "avatar_id": _STRING}}
_ANSWER = {
    "type": "object",
    "required": ["sdp", "type", "peer", "location"],
    "properties": {"sdp": _STRING, "type": _STRING, "peer": _STRING, "location": _STRING},
}
_SERVERS = {
    "type": "object",
    "required": ["ice_servers"],
    "properties": {"ice_servers": {"type": "array", "items": {"type": "object"}}},
}

_ANSWERED = {"application/json": {"schema": _ANSWER}}
_OFFERED = {"application/json": {"schema": _OFFER}, "application/sdp": {"schema": _STRING}}

PATHS: dict[str, dict[str, JsonObject]] = {
    "/v1/sessions/{session_id}/webrtc": {
        "post": {
            **operation(
                "Open a peer: an offer for an answer (JSON), or the WHIP exchange (application/sdp gives 201)",
                answers=_ANSWERED,
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
            answers={"application/json": {"schema": _SERVERS}},
            parameters=("session_id",),
        )
    },
}
"""Paths and their operations, for ``engine.transport.api.openapi.description``."""
