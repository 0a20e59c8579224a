"""The description of the HTTP API, ``GET /openapi.json``: OpenAPI 3.1, made from one table.

A test checks that every route the app serves is described here and the other way round.
"""

from __future__ import annotations

from typing import Any

JsonObject = dict[str, Any]

ERROR: JsonObject = {
    "description": "What went wrong.",
    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
}


def _ref(name: str) -> JsonObject:
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{name}"}}}


def _object(required: list[str] | None = None, **properties: JsonObject) -> JsonObject:
    return {"type": "object", "properties": properties, "required": list(properties) if required is None else required}


_ID: JsonObject = {"type": "string", "format": "uuid"}
_TIME: JsonObject = {"type": "string", "format": "date-time"}
_NUMBER: JsonObject = {"type": "integer", "minimum": 0}

SCHEMAS: JsonObject = {
    "Error": _object(error=_object(code={"type": "string"}, message={"type": "string"})),
    "CreateSession": _object(
        ["tutor_id", "student_id"],
        tutor_id=_NUMBER,
        student_id=_NUMBER,
        kb_id={"type": "string", "pattern": "^[A-Za-z0-9_-]{1,64}$"},
    ),
    "SessionCreated": _object(
        session_id=_ID, engine_url={"type": "string"}, engine_token={"type": "string"}, status={"type": "string"}
    ),
    "Session": _object(
        session_id=_ID,
        tutor_id=_NUMBER,
        student_id=_NUMBER,
        status={"type": "string"},
        created_at=_TIME,
        last_activity=_TIME,
    ),
    "Avatar": _object(
        ["id", "status", "step", "progress", "status_url"],
        id={"type": "string", "pattern": "^[a-z0-9_-]{1,64}$"},
        status={"enum": ["waiting", "making", "ready", "failed"]},
        step={"type": "string"},
        progress={"type": "number", "minimum": 0, "maximum": 1},
        status_url={"type": "string"},
        error=_object(code={"type": "string"}, message={"type": "string"}),
    ),
    "Status": _object(["status"], status={"type": "string"}, service={"type": "string"}),
}

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
        described["requestBody"] = {"required": True, "content": _ref(body)}
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
    "/health": {"get": operation("The process lives", answers=_ref("Status"))},
    "/ready": {"get": operation("Models are warm and sessions are let in", answers=_ref("Status"), errors=("503",))},
    "/metrics": {"get": operation("Prometheus metrics", media="text/plain", key=True, errors=("401",))},
    "/v1/sessions": {
        "post": operation(
            "Create a session",
            answers=_ref("SessionCreated"),
            body="CreateSession",
            key=True,
            errors=("400", "401", "422", "503"),
        ),
        "get": operation(
            "List live sessions",
            key=True,
            errors=("401",),
            answers={
                "application/json": {
                    "schema": _object(sessions={"type": "array", "items": {"$ref": "#/components/schemas/Session"}})
                }
            },
        ),
    },
    "/v1/sessions/{session_id}": {
        "get": operation(
            "One session", answers=_ref("Session"), key=True, errors=("401", "404"), parameters=("session_id",)
        ),
        "delete": operation(
            "End a session; its sockets and peers close",
            status="204",
            key=True,
            errors=("401", "404"),
            parameters=("session_id",),
        ),
    },
    "/v1/avatars": {
        "get": operation("List avatars", errors=("503",)),
        "post": operation(
            "Make an avatar of the portrait in the body; ?id=, &name=, &replace=1",
            status="202",
            answers=_ref("Avatar"),
            key=True,
            errors=("401", "409", "413", "415", "422", "501", "503"),
        ),
    },
    "/v1/avatars/{avatar_id}": {
        "get": operation(
            "How the making of an avatar goes",
            answers=_ref("Avatar"),
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
            "schemas": SCHEMAS,
            "securitySchemes": {
                "apiKey": {"type": "http", "scheme": "bearer"},
                "sessionToken": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
            },
        },
    }
