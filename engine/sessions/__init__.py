"""Live sessions: one student with one tutor each."""

from engine.sessions.membership import Membership
from engine.sessions.memory import MemoryKeeper
from engine.sessions.registry import SessionRegistry
from engine.sessions.session import ABSENT_S, LEFT_S, Session, SessionConnection

__all__ = ["ABSENT_S", "LEFT_S", "Membership", "MemoryKeeper", "Session", "SessionConnection", "SessionRegistry"]
