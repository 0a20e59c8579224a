"""The web tier: ``uvicorn app.main:app --port 8000``, run in the folder above this one."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import JSONResponse
from sqlalchemy.orm import Session

from . import lessons, login, sessions, webhook
from .database import open_database
from .engine import TutorEngine
from .limits import BodyLimit, LoginGate
from .records import forget_old
from .settings import Settings
from .tracing import TraceContext


def create_app(settings: Settings) -> FastAPI:
    """The application; nothing is opened before it starts."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.settings = settings
        app.state.database = open_database(settings.database_url, settings.app_demo_students)
        app.state.engine = TutorEngine(settings)
        app.state.login_gate = LoginGate()
        app.state.opening = threading.Lock()
        with Session(app.state.database) as db:
            forget_old(db, settings.app_lesson_days)
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
    app.add_middleware(TraceContext)
    app.add_middleware(BodyLimit, large_path=webhook.PATH)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.include_router(login.router)
    app.include_router(sessions.router)
    app.include_router(lessons.router)
    app.include_router(webhook.router)

    @app.get("/health", tags=["health"])
    def health() -> dict[str, str]:
        return {"status": "healthy", "service": "Web Server"}

    return app


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    """What is wrong, and where; not what was sent: it may be a password, or not be JSON at all."""
    assert isinstance(error, RequestValidationError)
    detail = [{"loc": e["loc"], "msg": e["msg"], "type": e["type"]} for e in error.errors()]
    return JSONResponse({"detail": detail}, status_code=422)


app = create_app(Settings())
