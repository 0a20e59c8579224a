"""The description of the HTTP API, ``GET /openapi.json``: OpenAPI 3.1, from one table and the models of bodies.

A test checks that every route the app serves is described here and the other way round.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from engine.protocol import http
from engine.protocol.lessons import LessonTranscript
from engine.protocol.usage import UsageReport
from engine.tutors.profile import TutorProfile

JsonObject = dict[str, Any]


class TutorList(http.ResponseBody):
    """All tutors."""

    tutors: tuple[TutorProfile, ...]


ERROR: JsonObject = {
    "description": "What went wrong.",
    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/ErrorAnswer"}}},
}


def json_content(*names: str) -> JsonObject:
    """Content that is one of these models, as JSON."""
    references = [{"$ref": f"#/components/schemas/{name}"} for name in names]
    return {"application/json": {"schema": references[0] if len(references) == 1 else {"anyOf": references}}}


MODELS: tuple[type[BaseModel], ...] = (
    http.CreateSession, http.AdoptSession, http.SessionAdopted,
    http.PeerOffer, http.ErrorAnswer, http.Status, http.SessionCreated, http.SessionState,
    http.SessionToken, http.SessionList, http.PeerAnswer, http.IceServers, http.AvatarList, http.AvatarState,
    http.VoiceList,
    http.KnowledgeList, http.KnowledgeState, http.DocumentStored, http.DocumentAdding, http.SourceList,
    LessonTranscript, UsageReport,
    TutorProfile, TutorList,
)  # fmt: skip
"""Every body and answer; their JSON schemas are generated."""


def schemas() -> JsonObject:
    """``components.schemas``: the JSON schema of every model by its name."""
    _, document = models_json_schema(
        [(model, "validation") for model in MODELS], ref_template="#/components/schemas/{model}"
    )
    definitions: JsonObject = document["$defs"]
    return definitions


MANAGEMENT_KEY: list[JsonObject] = [{"apiKey": []}]


def operation(
    summary: str,
    *,
    answers: JsonObject | None = None,
    status: str = "200",
    body: str | None = None,
    media: str = "application/json",
    errors: tuple[str, ...] = (),
    key: bool = False,
    token: bool = False,
    parameters: tuple[str, ...] = (),
) -> JsonObject:
    """One operation of one path.

    Args:
        answers: the content of the good answer; None has no body (204) or is ``media`` bytes.
        parameters: names of path parameters.
        key: needs the API key. token: needs the session's token.
    """
    good: JsonObject = {"description": summary}
    if answers is not None:
        good["content"] = answers
    elif status != "204":
        good["content"] = {media: {}}
    described: JsonObject = {"summary": summary, "responses": {status: good, **dict.fromkeys(errors, ERROR)}}
    if body is not None:
        described["requestBody"] = {"required": True, "content": json_content(body)}
    if parameters:
        described["parameters"] = [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in parameters
        ]
    if key:
        described["security"] = MANAGEMENT_KEY
    if token:
        described["security"] = [{"sessionToken": []}]
    return described


PATHS: dict[str, dict[str, JsonObject]] = {
    "/health": {"get": operation("The process lives", answers=json_content("Status"))},
    "/ready": {
        "get": operation("Models are warm and sessions are let in", answers=json_content("Status"), errors=("503",))
    },
    "/metrics": {"get": operation("Prometheus metrics", media="text/plain", key=True, errors=("401",))},
    "/v1/usage": {
        "get": operation(
            "What sessions used, by API key; ?key=, &since=, &until= (when they began), &sessions=true lists each",
            answers=json_content("UsageReport"),
            key=True,
            errors=("401", "403", "422", "503"),
        )
    },
    "/v1/sessions": {
        "post": operation(
            "Create a session",
            answers=json_content("SessionCreated"),
            body="CreateSession",
            key=True,
            errors=("400", "401", "403", "413", "415", "422", "503"),
        ),
        "get": operation(
            "List live sessions",
            key=True,
            errors=("401",),
            answers=json_content("SessionList"),
        ),
    },
    "/v1/sessions/{session_id}": {
        "get": operation(
            "One session",
            answers=json_content("SessionState"),
            key=True,
            errors=("401", "404"),
            parameters=("session_id",),
        ),
        "delete": operation(
            "End a session; its sockets and peers close",
            status="204",
            key=True,
            errors=("401", "404"),
            parameters=("session_id",),
        ),
    },
    "/v1/sessions/{session_id}/adopt": {
        "post": operation(
            "In a cluster, for doors and other engines: this engine takes the session over, unless it has it already",
            answers=json_content("SessionAdopted"),
            body="AdoptSession",
            key=True,
            errors=("400", "401", "404", "409", "415", "422", "503"),
            parameters=("session_id",),
        ),
    },
    "/v1/sessions/{session_id}/leave": {
        "post": operation(
            "The student's page was closed: the session ends unless it comes back. The body is the session's token, "
            "as text",
            status="204",
            errors=("400", "401", "404"),
            parameters=("session_id",),
        ),
    },
    "/v1/sessions/{session_id}/token": {
        "post": operation(
            "A new token for a session; what is connected may stay until it expires",
            answers=json_content("SessionToken"),
            key=True,
            errors=("401", "403", "404"),
            parameters=("session_id",),
        ),
    },
    "/v1/sessions/{session_id}/transcript": {
        "get": {
            **operation(
                "What was said and heard; ?format=vtt or Accept: text/vtt gives WebVTT",
                answers={**json_content("LessonTranscript"), "text/vtt": {}},
                errors=("401", "403", "404", "422", "503"),
                parameters=("session_id",),
            ),
            "security": [{"apiKey": []}, {"sessionToken": []}],
        },
        "delete": operation(
            "Erase the transcript",
            status="204",
            key=True,
            errors=("401", "404", "503"),
            parameters=("session_id",),
        ),
    },
    "/v1/avatars": {
        "get": operation("List avatars", answers=json_content("AvatarList"), errors=("503",)),
        "post": operation(
            "Make an avatar of the portrait in the body; ?id=, &name=, &presents=, &replace=1",
            status="202",
            answers=json_content("AvatarState"),
            key=True,
            errors=("401", "409", "413", "415", "422", "501", "503"),
        ),
    },
    "/v1/avatars/{avatar_id}": {
        "get": operation(
            "How the making of an avatar goes",
            answers=json_content("AvatarState"),
            key=True,
            errors=("401", "404", "503"),
            parameters=("avatar_id",),
        ),
        "delete": operation(
            "Remove an own avatar",
            status="204",
            key=True,
            errors=("401", "404", "409", "503"),
            parameters=("avatar_id",),
        ),
    },
    "/v1/avatars/{avatar_id}/idle.mp4": {
        "get": operation(
            "A silent loop of the avatar", media="video/mp4", errors=("422", "503"), parameters=("avatar_id",)
        )
    },
    "/v1/avatars/{avatar_id}/still.jpg": {
        "get": operation(
            "One picture of the avatar", media="image/jpeg", errors=("422", "503"), parameters=("avatar_id",)
        )
    },
    "/v1/tutors": {"get": operation("List tutors", answers=json_content("TutorList"), key=True, errors=("401",))},
    "/v1/tutors/{tutor_id}": {
        "get": operation(
            "One tutor; its version is the ETag",
            answers=json_content("TutorProfile"),
            key=True,
            errors=("401", "404"),
            parameters=("tutor_id",),
        ),
        "put": operation(
            "Write a tutor; If-Match with a version refuses to overwrite another one",
            answers=json_content("TutorProfile"),
            body="TutorProfile",
            key=True,
            errors=("400", "401", "403", "409", "413", "415", "422", "503"),
            parameters=("tutor_id",),
        ),
        "delete": operation(
            "Remove an own tutor", status="204", key=True, errors=("401", "404", "409"), parameters=("tutor_id",)
        ),
    },
    "/v1/voices": {"get": operation("List voices", answers=json_content("VoiceList"), key=True, errors=("401", "503"))},
    "/v1/voices/{voice_id}/sample.wav": {
        "get": operation(
            "A sentence in this voice",
            media="audio/wav",
            key=True,
            errors=("401", "422", "503"),
            parameters=("voice_id",),
        )
    },
    "/v1/knowledge": {
        "get": operation("List knowledge bases", answers=json_content("KnowledgeList"), key=True, errors=("401",))
    },
    "/v1/knowledge/{kb_id}": {
        "get": operation(
            "What is in a knowledge base",
            answers=json_content("KnowledgeState"),
            key=True,
            errors=("401", "404"),
            parameters=("kb_id",),
        ),
        "delete": operation(
            "Remove a knowledge base", status="204", key=True, errors=("401", "404"), parameters=("kb_id",)
        ),
    },
    "/v1/knowledge/{kb_id}/documents/{document}": {
        "get": operation(
            "A document, stored or being added",
            answers=json_content("DocumentStored", "DocumentAdding"),
            key=True,
            errors=("401", "404"),
            parameters=("kb_id", "document"),
        ),
        "put": {
            **operation(
                "Add or replace a document; the body is the file itself",
                answers=json_content("DocumentStored"),
                key=True,
                errors=("400", "401", "409", "413", "415", "422", "501", "503"),
                parameters=("kb_id", "document"),
            ),
            "requestBody": {"required": True, "content": {"application/octet-stream": {}}},
        },
        "delete": operation(
            "Remove a document", status="204", key=True, errors=("401", "404"), parameters=("kb_id", "document")
        ),
    },
    "/v1/knowledge/{kb_id}/search": {
        "get": operation(
            "What a tutor would be given for ?q=",
            answers=json_content("SourceList"),
            key=True,
            errors=("401", "404"),
            parameters=("kb_id",),
        )
    },
    "/openapi.json": {"get": operation("This description")},
    "/ws/ws/{session_id}": {
        "get": operation(
            "WebSocket of a session: see docs/protocol.md",
            status="101",
            token=True,
            errors=("400", "401", "404"),
            parameters=("session_id",),
        )
    },
    "/": {"get": operation("The built-in page", media="text/html")},
}


def description(version: str, extra_paths: dict[str, dict[str, JsonObject]] | None = None) -> JsonObject:
    """The whole document."""
    return {
        "openapi": "3.1.0",
        "info": {"title": "Talking-tutor engine", "version": version},
        "paths": {**PATHS, **(extra_paths or {})},
        "components": {
            "schemas": schemas(),
            "securitySchemes": {
                "apiKey": {"type": "http", "scheme": "bearer"},
                "sessionToken": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
            },
        },
    }
