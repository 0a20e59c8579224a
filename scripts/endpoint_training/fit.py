"""Fits the end-of-turn model to what ``hear.py`` wrote, and says how good it is.

    python scripts/endpoint_training/fit.py heard.jsonl bench/results/endpointing.json
    ... --write    engine/turn_taking/end_of_turn.json

The second file is of ``bench/endpointing.py`` on its tuning sentences (never ``--held-out``). Logistic regression by
Newton's method with a little ridge; pauses and ends weigh the same in all. Figures are of five folds that keep all
moments of one sentence together.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import matplotlib
import numpy as np
import numpy.typing as npt
from hear import WRITTEN, Heard

from engine.items import Transcript
from engine.turn_taking.end_of_turn import WEIGHTS, Clues, features, weights_for

matplotlib.use("Agg")

Array = npt.NDArray[np.float64]
RIDGE = 1.0
FOLDS = 5
SEED = 5
SETS = {
    "scored": ("turn_model", "completion", "question", "trails_off", "few_words", "breaks_off"),
    "answer": ("completion", "full_stop", "trails_off", "breaks_off"),
    "unscored": ("turn_model", "breaks_off", "question", "full_stop", "trails_off", "few_words"),
}


def read(file: Path) -> list[Heard]:
    """The moments in a file of ``hear.py`` or of the benchmark."""
    if file.suffix == ".jsonl":
        return [Heard(**json.loads(line)) for line in file.read_text().splitlines()]
    return [
        Heard(
            clip["text"], clip["speaker"], kind, clip[kind]["text"], clip[kind]["probability"], clip[kind]["completion"]
        )
        for clip in json.loads(file.read_text())["heard"]
        for kind in ("cut", "alone", "whole")
    ]


def table(found: Sequence[dict[str, float]], names: Sequence[str]) -> Array:
    """(n, 1 + features): a column of ones, then the features."""
    return np.array([[1.0, *(each.get(name, 0.0) for name in names)] for each in found])


def fit(x: Array, y: Array) -> Array:
    """Weights of a logistic regression in which both classes weigh the same."""
    share = np.where(y == 1, 0.5 / y.mean(), 0.5 / (1 - y.mean()))
    ridge = RIDGE * np.diag([0.0] + [1.0] * (x.shape[1] - 1))
    w = np.zeros(x.shape[1])
    for _ in range(50):
        p = 1 / (1 + np.exp(-x @ w))
        step = np.linalg.solve((x * (share * p * (1 - p))[:, None]).T @ x + ridge, x.T @ (share * (y - p)) - ridge @ w)
        w += step
        if np.abs(step).max() < 1e-8:
            break
    return w


def held_out(x: Array, y: Array, groups: npt.NDArray[np.int64]) -> Array:
    """Log odds of each moment, from weights fitted without its sentence."""
    odds = np.zeros(len(y))
    for fold in range(FOLDS):
        test = groups % FOLDS == fold
        odds[test] = x[test] @ fit(x[~test], y[~test])
    return odds


def area(odds: Array, y: Array) -> float:
    """Area under the ROC curve."""
    order = odds.argsort()
    ranks = np.empty(len(odds))
    ranks[order] = np.arange(1, len(odds) + 1)
    ends = int(y.sum())
    return float((ranks[y == 1].sum() - ends * (ends + 1) / 2) / (ends * (len(y) - ends)))


def describe(label: str, odds: Array, y: Array, kinds: Sequence[str]) -> None:
    """A row of figures: area under the curve, and pauses taken for ends where 90 % of the ends are found."""
    limit = np.quantile(odds[y == 1], 0.1)
    kind = np.array(kinds)
    shares = [float((odds[kind == name] > limit).mean()) for name in ("cut", "alone")]
    loss = float(np.log1p(np.exp(-np.where(y == 1, odds, -odds))).mean())
    print(f"{label:34}{area(odds, y):8.3f}{loss:10.3f}" + "".join(f"{100 * share:11.1f} %" for share in shares))


def reliability(odds: Array, y: Array, file: Path) -> None:
    """Draw how often the student had finished where the model said so, both classes weighing the same."""
    from matplotlib import pyplot

    p = 1 / (1 + np.exp(-odds))
    weight = np.where(y == 1, 0.5 / y.mean(), 0.5 / (1 - y.mean()))
    edges = np.linspace(0, 1, 11)
    said, was, size = [], [], []
    for low, high in pairwise(edges):
        inside = (p >= low) & (p <= high)
        if inside.sum() >= 8:
            said.append(np.average(p[inside], weights=weight[inside]))
            was.append(np.average(y[inside], weights=weight[inside]))
            size.append(int(inside.sum()))
    error = np.average(np.abs(np.array(said) - np.array(was)), weights=size)
    figure, panel = pyplot.subplots(figsize=(4.4, 4.2))
    panel.plot([0, 1], [0, 1], color="grey", linewidth=1)
    panel.plot(said, was, marker="o")
    for at, share, count in zip(said, was, size, strict=True):
        panel.annotate(str(count), (at, share), textcoords="offset points", xytext=(5, -10), fontsize=7)
    panel.set_xlabel("P(finished), as the model says")
    panel.set_ylabel("share that had finished")
    panel.set_title(f"mean difference {100 * error:.1f} %", fontsize=9)
    panel.grid(alpha=0.3)
    figure.tight_layout()
    figure.savefig(file, dpi=110)
    print(f"mean difference between said and seen: {100 * error:.1f} %")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("heard", type=Path, nargs="+")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--diagram", type=Path, help="write the reliability diagram here")
    arguments = parser.parse_args()
    heard = [moment for file in arguments.heard for moment in read(file) if moment.text]
    all_y = np.array([float(moment.kind == "whole") for moment in heard])
    all_groups = np.unique([moment.sentence for moment in heard], return_inverse=True)[1]
    np.random.default_rng(SEED).shuffle(order := np.arange(all_groups.max() + 1))
    all_groups = order[all_groups]
    all_kinds = [moment.kind for moment in heard]

    tables = {
        "scored": [features(Clues(Transcript(m.text), m.completion, m.turn_model)) for m in heard],
        "answer": [features(Clues(Transcript(m.text), m.completion, m.turn_model, answering=True)) for m in heard],
        "unscored": [features(Clues(Transcript(m.text), None, m.turn_model)) for m in heard],
    }
    print(f"{len(heard)} moments of {len(set(all_groups))} turns; {int(all_y.sum())} are ends\n")
    print(f"{'cross-validated':34}{'area':>8}{'log loss':>10}{'cut taken':>13}{'alone taken':>13}")
    weights = {}
    for name, columns in SETS.items():
        used = np.array([weights_for(row) == name for row in tables[name]])
        if name == "scored":
            used &= np.array([moment.voice != WRITTEN for moment in heard])
        found = [row for row, use in zip(tables[name], used, strict=True) if use]
        y, groups, kinds = all_y[used], all_groups[used], [k for k, use in zip(all_kinds, used, strict=True) if use]
        odds = held_out(table(found, columns), y, groups)
        describe(name, odds, y, kinds)
        for left_out in columns:
            rest = [column for column in columns if column != left_out]
            describe(f"  without {left_out}", held_out(table(found, rest), y, groups), y, kinds)
        fitted = fit(table(found, columns), y)
        weights[name] = {key: round(float(value), 3) for key, value in zip(("bias", *columns), fitted, strict=True)}
        if name == "scored" and arguments.diagram:
            reliability(odds, y, arguments.diagram)
    print(json.dumps(weights, indent=1))
    if arguments.write:
        source = f"scripts/endpoint_training/fit.py, {len(heard)} moments of {len(set(all_groups))} turns"
        WEIGHTS.write_text(json.dumps({"fitted_by": source, "weights": weights}, indent=2) + "\n")
        print(f"written to {WEIGHTS}")


if __name__ == "__main__":
    main()
