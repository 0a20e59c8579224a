"""A tutor's profile, as in its TOML file and in the API, validated."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator

from engine.settings import Patience

TUTOR_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
"""What a tutor's id looks like; ids that could be paths do not match."""

Language = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}$")]
Name = Annotated[str, StringConstraints(min_length=1, max_length=80, strip_whitespace=True)]
Identifier = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]
VoiceId = Annotated[
    str,
    StringConstraints(
        pattern=r"^[a-z0-9]+:[A-Za-z0-9][A-Za-z0-9_./+-]{0,120}(\?[a-z]{1,20}=[0-9.]{1,12}(&[a-z]{1,20}=[0-9.]{1,12}){0,7})?$"
    ),
]
"""Engine and name, and for some engines parameters: ``hibari:heart?pitch=0.9&stretch=1.06``."""

Answers = Literal["free", "exact_first", "exact"]

Strictness = Literal["young", "teen", "adult", "off"]
"""How much the guard holds back; ``engine.safety.guard.LEVELS`` says what each means."""

DEFAULT_APOLOGY = "Sorry, I lost my train of thought. Please ask me again."
DEFAULT_NOTHING_FOUND = "I cannot find that in our course material."


class Example(BaseModel):
    """A question and how this tutor would answer it. Small models copy its manner and its length."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)

    question: str = Field(min_length=1, max_length=300)
    answer: str = Field(min_length=1, max_length=600)


class TutorProfile(BaseModel):
    """A tutor. Immutable: a live session keeps the one it began with."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)

    id: str = Field("default", description="The tutor_id it answers to; the file's name.")
    version: int = Field(1, ge=1, description="Grows with every change made over the API.")
    name: Name = Field("Tutor", description="Shown to the student.")
    persona: str = Field(
        "You are a friendly tutor. Answer in one or two short sentences.",
        min_length=1,
        max_length=4000,
        description="The system prompt. Keep it short: small models follow short prompts only.",
    )
    examples: tuple[Example, ...] = Field(
        (), max_length=8, description="Put before every dialogue; worth more to small models than a longer persona."
    )
    language: Language = Field("en", description="ISO 639-1; spoken when the text does not tell its language.")
    languages: tuple[Language, ...] = Field((), description="Others it may answer in; empty allows any.")
    voice: VoiceId | None = Field(
        None, description="For example hibari:heart; unset takes the setting's, else one that fits the face."
    )
    voices: dict[Language, VoiceId] = Field({}, description="A voice for each further language.")
    avatar: Identifier | None = Field(
        None, description="The face when the client asks for none; unset takes the setting's."
    )
    greeting: str = Field("", max_length=500, description="What the tutor says first; empty for nothing.")
    speaks_greeting: bool = Field(
        True, description="Say the greeting aloud when the client asks for it; else it is only shown."
    )
    apology: str = Field(
        DEFAULT_APOLOGY, min_length=1, max_length=300, description="Said when no answer could be made."
    )
    calculator: bool = Field(
        True,
        description="Compute arithmetic, units, simple equations and dates instead of asking the model; "
        "English and Chinese.",
    )
    knowledge: Identifier | None = Field(None, description="Knowledge base used when the session names none.")
    answers: Answers = Field(
        "free",
        description="free: the model answers, with what was found as notes. exact_first: in the material's own words "
        "where it answers the question well, else free. exact: in the material's own words, or nothing_found.",
    )
    openings: tuple[Annotated[str, StringConstraints(min_length=2, max_length=120)], ...] = Field(
        (),
        max_length=12,
        description="Said at once, in turn, when the embedded model has notes to read before it can answer.",
    )
    nothing_found: str = Field(
        DEFAULT_NOTHING_FOUND,
        min_length=1,
        max_length=300,
        description="Told the model to say when the knowledge base has nothing on the question.",
    )
    patience: Patience | None = Field(
        None, description="How long to wait before a pause ends the user turn; overrides the setting."
    )
    safety: Strictness = Field(
        "teen",
        description="What is held back, from the model and from the student. young: all, mild profanity too. teen: all "
        "but mild profanity. adult: neither profanity nor personal data. off: nothing.",
    )
    llm_temperature: float | None = Field(None, ge=0, le=2, description="Sampling temperature; overrides the setting.")
    llm_max_tokens: int | None = Field(None, ge=8, le=8192, description="Longest reply; overrides the setting.")

    @field_validator("id")
    @classmethod
    def _plain_id(cls, value: str) -> str:
        if not TUTOR_ID.fullmatch(value):
            raise ValueError("letters, digits, - and _, at most 64")
        return value

    @property
    def heard_languages(self) -> str:
        """What the student may speak, as a ``Recognizer`` takes it: the tutor's language first, ``*`` for any other."""
        return ",".join(dict.fromkeys((self.language, *(self.languages or ("*",)))))

    def voice_for(self, language: str) -> str | None:
        """The voice for ``language`` (ISO 639-1); None leaves the choice to the engine."""
        if language in self.voices:
            return self.voices[language]
        return self.voice if language == self.language else None
