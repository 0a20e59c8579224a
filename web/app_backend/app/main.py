"""The web tier: ``uvicorn app.main:app --port 8000``, run in the folder above this one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware

from . import login, sessions
from .database import open_database
from .engine import TutorEngine
from .settings import Settings


def create_app(settings: Settings) -> FastAPI:
    """The application; nothing is opened before it starts."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.settings = settings
        app.state.database = open_database(settings.database_url, settings.app_demo_students)
        app.state.engine = TutorEngine(settings)
        yield
        app.state.engine.close()
        app.state.database.dispose()

    app = FastAPI(title="School with talking tutors", lifespan=lifespan)
    app.add_middleware(
        CORSMiddleware,
        allow_origins=[origin.strip() for origin in settings.app_origins.split(",") if origin.strip()],
        allow_methods=["GET", "POST", "DELETE"],
        allow_headers=["Authorization", "Content-Type"],
        expose_headers=["Retry-After"],
    )
    app.include_router(login.router)
    app.include_router(sessions.router)

    @app.get("/health", tags=["health"])
    def health() -> dict[str, str]:
        return {"status": "healthy", "service": "Web Server"}

    return app


app = create_app(Settings())
