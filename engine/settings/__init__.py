"""Every setting, once: command line, ``ENGINE_*`` environment, TOML file, default, in that order."""

from engine.settings.cluster import ClusterSettings
from engine.settings.groups import SafetySettings
from engine.settings.lessons import LessonSettings
from engine.settings.listening import (
    BargeInOptions,
    EndpointOptions,
    GateOptions,
    ListeningOptions,
    Patience,
)
from engine.settings.load import former_names, load_settings, unknown_variables
from engine.settings.model import LOOPBACK, Settings
from engine.settings.tracing import TracingSettings
from engine.settings.usage import UsageSettings

__all__ = [
    "LOOPBACK",
    "BargeInOptions",
    "ClusterSettings",
    "EndpointOptions",
    "GateOptions",
    "LessonSettings",
    "ListeningOptions",
    "Patience",
    "SafetySettings",
    "Settings",
    "TracingSettings",
    "UsageSettings",
    "former_names",
    "load_settings",
    "unknown_variables",
]
