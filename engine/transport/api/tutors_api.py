"""Tutor profiles and voices over HTTP: ``/v1/tutors[/{tutor_id}]``, ``/v1/voices[/{voice_id}/sample.wav]``."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import Any

from aiohttp import hdrs, web

from engine.conversation.parts import Parts
from engine.errors import InvalidField, UnknownAvatar
from engine.transport.api.bodies import read_object
from engine.transport.api.middleware import management
from engine.tutors.profile import TutorProfile
from engine.tutors.store import TutorStore


class TutorsApi:
    """Handlers for profiles and voices.

    Args:
        tutors: the profiles.
        parts: gives what the engine has, or raises Busy while it loads.
    """

    def __init__(self, tutors: TutorStore, parts: Callable[[], Parts]) -> None:
        self._tutors = tutors
        self._parts = parts

    def routes(self) -> list[web.RouteDef]:
        """All routes of this API."""
        return [
            web.get("/v1/tutors", self.list_tutors),
            web.get("/v1/tutors/{tutor_id}", self.get_tutor),
            web.put("/v1/tutors/{tutor_id}", self.put_tutor),
            web.delete("/v1/tutors/{tutor_id}", self.delete_tutor),
            web.get("/v1/voices", self.list_voices),
            web.get("/v1/voices/{voice_id}/sample.wav", self.voice_sample),
        ]

    @management
    async def list_tutors(self, request: web.Request) -> web.Response:
        """Every profile."""
        return web.json_response({"tutors": [_to_wire(profile) for profile in self._tutors.all()]})

    @management
    async def get_tutor(self, request: web.Request) -> web.Response:
        """One profile; its version is the ``ETag``."""
        return _answer(self._tutors.get(request.match_info["tutor_id"]))

    @management
    async def put_tutor(self, request: web.Request) -> web.Response:
        """Write a profile. ``If-Match`` with a version refuses to overwrite another one (409)."""
        fields = await read_object(request)
        expected = request.headers.get(hdrs.IF_MATCH)
        if expected is not None and re.fullmatch(r'"?[0-9]{1,18}"?', expected) is None:
            raise InvalidField("header 'If-Match' is not a version")
        version = int(expected.strip('"')) if expected is not None else None
        parts = self._parts()
        profile = await asyncio.to_thread(
            self._tutors.put,
            request.match_info["tutor_id"],
            fields,
            expected_version=version,
            check=lambda made: check_profile(made, parts),
        )
        return _answer(profile)

    @management
    async def delete_tutor(self, request: web.Request) -> web.Response:
        """Remove an operator's profile: 204."""
        await asyncio.to_thread(self._tutors.delete, request.match_info["tutor_id"])
        return web.Response(status=204)

    @management
    async def list_voices(self, request: web.Request) -> web.Response:
        """Every voice, with the address of a sample."""
        voices: list[dict[str, Any]] = self._parts().voices.describe()
        for voice in voices:
            voice["sample_url"] = f"/v1/voices/{voice['id']}/sample.wav"
        return web.json_response({"voices": voices})

    @management
    async def voice_sample(self, request: web.Request) -> web.Response:
        """A sentence in that voice, WAV."""
        data = await self._parts().voices.sample(request.match_info["voice_id"])
        return web.Response(body=data, headers={hdrs.CONTENT_TYPE: "audio/wav"})


def check_profile(profile: TutorProfile, parts: Parts) -> None:
    """Whether this engine has what a tutor needs. Reads files; belongs in a thread.

    Raises:
        InvalidField: its voice, avatar or knowledge base is unknown.
    """
    wanted = {"voice": profile.voice, **{f"voices.{language}": voice for language, voice in profile.voices.items()}}
    for field, voice in wanted.items():
        if voice is not None:
            try:
                parts.voices.voice(voice)
            except InvalidField as error:
                raise InvalidField(error.message.replace("voice", field, 1)) from None
    if profile.avatar is not None:
        try:
            parts.load_avatar(profile.avatar)
        except UnknownAvatar as error:
            raise InvalidField(f"avatar: {error.message}") from None
    if profile.knowledge is not None and not parts.knowledge.exists(profile.knowledge):
        raise InvalidField(f"knowledge: there is no knowledge base {profile.knowledge!r}")


def _to_wire(profile: TutorProfile) -> dict[str, Any]:
    return profile.model_dump(mode="json")


def _answer(profile: TutorProfile) -> web.Response:
    return web.json_response(_to_wire(profile), headers={hdrs.ETAG: f'"{profile.version}"'})
