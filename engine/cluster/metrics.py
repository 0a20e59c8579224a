"""Prometheus metrics of the cluster, of engines and doors."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge


class EngineMetrics:
    """Of an engine in a cluster."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.free = Gauge("tutor_cluster_free_sessions", "How many more sessions fit here.", registry=registry)
        self.saves = Counter(
            "tutor_cluster_saves_total",
            "Writes of sessions' memory: saved, failed, refused.",
            ["end"],
            registry=registry,
        )
        self.sessions = Counter(
            "tutor_cluster_sessions_total",
            "Sessions that changed engines: adopted from another one, moved to another one, lost to another one.",
            ["how"],
            registry=registry,
        )


class DoorMetrics:
    """Of a door."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.placements = Counter(
            "tutor_cluster_placements_total", "Sessions asked for: placed, full, failed.", ["end"], registry=registry
        )
        self.resumes = Counter(
            "tutor_cluster_resumes_total",
            "Sessions asked back: found where they were, adopted by another engine, unknown, failed.",
            ["end"],
            registry=registry,
        )
        self.nodes = Gauge("tutor_cluster_nodes", "Engines heard of, by state.", ["state"], registry=registry)
