"""What was said in a lesson, for teachers and parents: recorded, kept for a while, and told to the web tier."""

from engine.lessons.archive import LessonArchive
from engine.lessons.lesson import Lesson
from engine.lessons.record import LessonRecord

__all__ = ["Lesson", "LessonArchive", "LessonRecord"]
