"""Pullback's defaults on tables, beside scikit-learn's, on the same test rows.

Every model gets the same rows to train on and is judged on the same 20 % of rows, for 20 seeds.
Pullback gets the table and the target's name, nothing else. scikit-learn's models get what its
users would give them: numbers imputed and scaled, categories one-hot, free text dropped.

Run as `python -m benchmarks tables` (needs the extra `bench`).
"""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.places import data_file

SEEDS = 20
TEST = 0.2


def tables() -> list[tuple[str, Path, str]]:
    """The tables at hand: name, file and target column."""
    found = [
        ("penguins", data_file("penguins.csv"), "species"),
        ("auto-mpg", data_file("auto-mpg.csv"), "mpg"),
        ("titanic", data_file("titanic.csv"), "survived"),
    ]
    return [(name, path, target) for name, path, target in found if path is not None]


def split(frame: Any, target: str, seed: int, classes: bool) -> tuple[Any, Any]:
    """Training and test rows, the same for everybody."""
    from sklearn.model_selection import train_test_split

    return tuple(
        train_test_split(
            frame, test_size=TEST, random_state=seed, stratify=frame[target] if classes else None
        )
    )


def ours(train: Any, test: Any, target: str, seed: int) -> float:
    """The test score of `pullback train` with nothing but the file and the target."""
    import pullback as pb

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "table.csv"
        train.to_csv(file, index=False)
        run = pb.fit_table(file, target, seed=seed, test=0, progress="none")
        predicted = run.predict(test)
    return score(np.asarray(predicted), test[target].to_numpy(), run.model.head.task)


def score(predicted: Any, wanted: Any, task: str) -> float:
    """Accuracy, or R2."""
    if task == "classification":
        return float(np.mean([str(a) == str(b) for a, b in zip(predicted, wanted, strict=True)]))
    residual = np.sum((wanted - predicted.reshape(-1)) ** 2)
    return float(1 - residual / np.sum((wanted - wanted.mean()) ** 2))


def theirs(train: Any, test: Any, target: str, seed: int, classes: bool) -> dict[str, float]:
    """The test scores of scikit-learn's models with their default settings."""
    import sklearn.ensemble as ensemble
    import sklearn.neural_network as neural
    from sklearn.compose import make_column_selector, make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    kind = "Classifier" if classes else "Regressor"
    models = {
        "gradient boosting": getattr(ensemble, f"HistGradientBoosting{kind}"),
        "random forest": getattr(ensemble, f"RandomForest{kind}"),
        "MLP": getattr(neural, f"MLP{kind}"),
    }
    text = [c for c in train if train[c].dtype.kind not in "iuf" and train[c].nunique() > 50]
    x, held = train.drop(columns=[target, *text]), test.drop(columns=[target, *text])
    found = {}
    for name, model in models.items():
        numbers = make_pipeline(SimpleImputer(), StandardScaler())
        columns = make_column_transformer(
            (numbers, make_column_selector(dtype_include=np.number)),
            (
                OneHotEncoder(handle_unknown="ignore"),
                make_column_selector(dtype_exclude=np.number),
            ),
            sparse_threshold=0,
        )
        fitted = make_pipeline(columns, model(random_state=seed)).fit(x, train[target])
        found[name] = float(fitted.score(held, test[target]))
    return found


def run(seeds: int = SEEDS) -> dict[str, Any]:
    """Measure and print a table of mean scores with their standard errors."""
    import warnings

    import pandas

    warnings.filterwarnings("ignore", category=UserWarning, module="sklearn")
    report: dict[str, Any] = {}
    for name, path, target in tables():
        frame = pandas.read_csv(path, na_values=["NA"]).dropna(subset=[target])
        classes = frame[target].dtype.kind not in "f"
        scores: dict[str, list[float]] = {}
        seconds = []
        for seed in range(seeds):
            train, test = split(frame, target, seed, classes)
            for model, value in theirs(train, test, target, seed, classes).items():
                scores.setdefault(model, []).append(value)
            began = time.perf_counter()
            scores.setdefault("Pullback", []).append(ours(train, test, target, seed))
            seconds.append(time.perf_counter() - began)
        measure = "accuracy" if classes else "R2"
        print(f"{name}: test {measure}, mean of {seeds} seeds (standard error)")
        for model, values in scores.items():
            error = statistics.stdev(values) / len(values) ** 0.5 if len(values) > 1 else 0.0
            print(f"  {model:<18} {statistics.mean(values):.4f} ({error:.4f})", flush=True)
        print(f"  Pullback takes {statistics.median(seconds):.1f} s a training (median)")
        report[name] = {"scores": scores, "seconds": seconds}
    return report
