"""Writes ``deploy/grafana/dashboards/tutor.json``: a Grafana dashboard that says why replies are slow.

    python scripts/grafana_dashboard.py

A test fails while the file is old, an expression does not parse, or a metric in it does not exist.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

FILE = Path(__file__).parents[1] / "deploy" / "grafana" / "dashboards" / "tutor.json"
SOURCE = {"type": "prometheus", "uid": "prometheus"}
ON = '{instance=~"$instance"}'
"""The engines that are chosen at the top."""

FIRST_FRAME = '{instance=~"$instance",stage="first_media_sent"}'
USED = '{instance=~"$instance",kind="used"}'


class Panel(NamedTuple):
    """A graph: what it shows, in which unit, and its expressions with the names of their series."""

    title: str
    about: str
    unit: str
    series: tuple[tuple[str, str], ...]
    stacked: bool = False


ROWS: dict[str, tuple[Panel, ...]] = {
    "How it feels to students": (
        Panel(
            "Time to the first frame",
            "From the end of the student's speech, or from the text, to the first speaking picture.",
            "s",
            tuple(
                (
                    f"histogram_quantile({share}, sum by (le) "
                    f"(rate(tutor_stage_seconds_bucket{FIRST_FRAME}[$__rate_interval])))",
                    name,
                )
                for share, name in ((0.5, "median"), (0.95, "95 %"))
            ),
        ),
        Panel(
            "Which stage takes it",
            "What each stage adds to the time to the first frame, on average.",
            "s",
            (
                (
                    f"sum by (stage) (rate(tutor_reply_stage_seconds_sum{ON}[$__rate_interval])) / on () group_left () "
                    f"sum(rate(tutor_stage_seconds_count{FIRST_FRAME}[$__rate_interval]))",
                    "{{stage}}",
                ),
            ),
            stacked=True,
        ),
        Panel(
            "Replies",
            "How they ended, and those that ended before their first frame.",
            "cpm",
            (
                (f"60 * sum by (end) (rate(tutor_turns_total{ON}[$__rate_interval]))", "{{end}}"),
                (
                    f"60 * sum by (stage) (rate(tutor_replies_unheard_total{ON}[$__rate_interval]))",
                    "unheard, in {{stage}}",
                ),
            ),
        ),
        Panel(
            "Errors told to clients",
            "By code.",
            "cpm",
            ((f"60 * sum by (code) (rate(tutor_errors_total{ON}[$__rate_interval]))", "{{code}}"),),
        ),
    ),
    "Room": (
        Panel(
            "Sessions",
            "Live ones, and how many are allowed.",
            "short",
            (
                (f"sum(tutor_sessions{ON})", "live"),
                (f"sum(tutor_sessions_max{ON})", "allowed"),
                (f"sum by (kind) (tutor_connections{ON})", "{{kind}}"),
            ),
        ),
        Panel(
            "Sessions refused",
            "As busy.",
            "cpm",
            ((f"60 * sum(rate(tutor_sessions_refused_total{ON}[$__rate_interval]))", "refused"),),
        ),
        Panel(
            "Event loop",
            "How late it wakes up. Whatever blocks it delays everybody.",
            "s",
            (
                (
                    "histogram_quantile(0.99, sum by (instance, le) "
                    f"(rate(tutor_loop_lag_seconds_bucket{ON}[$__rate_interval])))",
                    "99 % {{instance}}",
                ),
            ),
        ),
        Panel(
            "Memory",
            "Of the engine, and of its child processes.",
            "bytes",
            (
                (f"process_resident_memory_bytes{ON}", "engine {{instance}}"),
                (f"tutor_children_resident_memory_bytes{ON}", "children {{instance}}"),
                (f"tutor_gpu_memory_bytes{USED}", "GPU {{gpu}} {{instance}}"),
            ),
        ),
    ),
    "Stages": (
        Panel(
            "Waiting for a turn",
            "95 % of what waited for a worker, a recognition or a picture waited less.",
            "s",
            (
                (
                    "histogram_quantile(0.95, sum by (le, queue) "
                    f"(rate(tutor_queue_wait_seconds_bucket{ON}[$__rate_interval])))",
                    "{{queue}}",
                ),
            ),
        ),
        Panel(
            "Workers",
            "Seconds of work a second; a worker with one thread is full at 1.",
            "short",
            ((f"sum by (worker) (rate(tutor_worker_seconds_sum{ON}[$__rate_interval]))", "{{worker}}"),),
            stacked=True,
        ),
        Panel(
            "Recognition",
            "Recognitions that wait for a thread.",
            "short",
            ((f"tutor_asr_backlog{ON}", "{{instance}}"),),
        ),
        Panel(
            "Language model: first text",
            "From the request to its first text.",
            "s",
            tuple(
                (
                    f"histogram_quantile({share}, sum by (le) "
                    f"(rate(tutor_llm_first_token_seconds_bucket{ON}[$__rate_interval])))",
                    name,
                )
                for share, name in ((0.5, "median"), (0.95, "95 %"))
            ),
        ),
        Panel(
            "Language model: tokens",
            "Of prompts and answers.",
            "short",
            ((f"sum by (kind) (rate(tutor_llm_tokens_total{ON}[$__rate_interval]))", "{{kind}} a second"),),
        ),
        Panel(
            "Preemptive replies",
            "Used and dropped, and the seconds of work that were wasted on dropped ones.",
            "short",
            (
                (f"60 * sum by (end) (rate(tutor_speculations_total{ON}[$__rate_interval]))", "{{end}} a minute"),
                (
                    f"sum(rate(tutor_speculation_wasted_seconds_total{ON}[$__rate_interval]))",
                    "wasted seconds a second",
                ),
            ),
        ),
        Panel(
            "Pictures",
            "Made, late, repeated (no time to draw them), dropped (no room on the line).",
            "cps",
            ((f"sum by (what) (rate(tutor_frames_total{ON}[$__rate_interval]))", "{{what}}"),),
        ),
        Panel(
            "Lateness and batches",
            "How late the late pictures are, and how many are drawn together.",
            "short",
            (
                (
                    "histogram_quantile(0.95, sum by (le) "
                    f"(rate(tutor_picture_lateness_seconds_bucket{ON}[$__rate_interval])))",
                    "95 % of late ones, s",
                ),
                (
                    f"sum(rate(tutor_batch_pictures_sum{ON}[$__rate_interval])) / "
                    f"sum(rate(tutor_batch_pictures_count{ON}[$__rate_interval]))",
                    "pictures a batch",
                ),
            ),
        ),
        Panel(
            "Queues to clients",
            "Messages that wait, and what was discarded a minute.",
            "short",
            (
                (f"sum by (queue) (tutor_queue_depth{ON})", "waiting: {{queue}}"),
                (
                    f"60 * sum by (queue) (rate(tutor_queue_dropped_total{ON}[$__rate_interval]))",
                    "discarded: {{queue}}",
                ),
            ),
        ),
    ),
}


def dashboard() -> dict[str, Any]:
    """The whole of it, as Grafana 10 and later read it."""
    panels: list[dict[str, Any]] = []
    y = 0
    for row, graphs in ROWS.items():
        panels.append({"type": "row", "title": row, "gridPos": {"x": 0, "y": y, "w": 24, "h": 1}})
        y += 1
        for index, graph in enumerate(graphs):
            panels.append({**_graph(graph), "gridPos": {"x": index % 3 * 8, "y": y + index // 3 * 8, "w": 8, "h": 8}})
        y += -(-len(graphs) // 3) * 8
    for number, panel in enumerate(panels, 1):
        panel["id"] = number
    instances = "label_values(tutor_build_info, instance)"
    variable = {
        "name": "instance", "label": "Engine", "type": "query", "datasource": SOURCE, "query": instances,
        "definition": instances, "refresh": 2, "multi": True, "includeAll": True, "allValue": ".*",
        "current": {"text": "All", "value": "$__all"},
    }  # fmt: skip
    return {
        "uid": "talking-tutor", "title": "Talking tutor", "tags": ["tutor"], "schemaVersion": 39, "version": 1,
        "time": {"from": "now-1h", "to": "now"}, "refresh": "30s", "timezone": "browser", "editable": True,
        "templating": {"list": [variable]}, "annotations": {"list": []}, "panels": panels,
    }  # fmt: skip


def _graph(graph: Panel) -> dict[str, Any]:
    custom = {"fillOpacity": 30, "stacking": {"mode": "normal"}} if graph.stacked else {"fillOpacity": 0}
    return {
        "type": "timeseries",
        "title": graph.title,
        "description": graph.about,
        "datasource": SOURCE,
        "fieldConfig": {"defaults": {"unit": graph.unit, "min": 0, "custom": custom}, "overrides": []},
        "options": {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi"}},
        "targets": [
            {"refId": chr(ord("A") + index), "expr": expr, "legendFormat": name, "datasource": SOURCE}
            for index, (expr, name) in enumerate(graph.series)
        ],
    }


def text() -> str:
    """The file's content."""
    return json.dumps(dashboard(), indent=2) + "\n"


if __name__ == "__main__":
    FILE.parent.mkdir(parents=True, exist_ok=True)
    FILE.write_text(text())
