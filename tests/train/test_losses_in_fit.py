"""Every loss in `fit`: what outputs mean, what is measured, what is predicted."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pullback as pb
from pullback import losses, nn
from pullback.errors import DataError, LabelError
from pullback.nn.head import TASKS

RANDOM = np.random.default_rng(2)
X = RANDOM.normal(size=(60, 4)).astype(np.float32)
VALUES = np.exp(X[:, :1])
CLASSES = (X[:, 0] > 0).astype(int) + (X[:, 1] > 0)
ANSWERS = (X[:, :2] > 0).astype(int)
NAMES = sorted(losses.registry())


class Members(nn.Module):
    """Several vectors (or numbers) a row, to be compared with one another."""

    def __init__(self, members: int, features: int) -> None:
        self.shape = (members, features) if features > 1 else (members,)
        self.linear = nn.Linear(4, members * features)

    def forward(self, x: pb.Tensor) -> pb.Tensor:
        return self.linear(x).reshape(-1, *self.shape)


class LogProbabilities(nn.Module):
    """Logits as log-probabilities."""

    def forward(self, x: pb.Tensor) -> pb.Tensor:
        return pb.log_softmax(x)


def setting(name: str) -> tuple[nn.Module, Any]:
    """A network that ends as the loss wants it, and targets."""
    loss = losses.get(name)
    if loss.task == "embedding":
        members = getattr(loss, "members", 2)
        features = 1 if name == "margin_ranking" else 3
        return Members(members, features), np.where(X[:, 0] > 0, 1, -1)
    if name == "cosine":  # of one number the direction is only its sign
        return nn.Sequential(nn.Linear(4, 2)), X[:, :2]
    columns = {"classification": 3, "binary": 2}.get(loss.task, loss.columns(1))
    ends: dict[str, type[nn.Module]] = {
        "nll": LogProbabilities,
        "kl_divergence": LogProbabilities,
        "msle": nn.Softplus,
    }
    ends |= {"binary_cross_entropy": nn.Sigmoid}
    end = [ends[name]()] if name in ends else []
    targets = {"classification": CLASSES, "binary": ANSWERS}.get(loss.task, VALUES)
    return nn.Sequential(nn.Linear(4, columns), *end), targets


@pytest.mark.parametrize("name", NAMES)
def test_every_loss_goes_down(name: str) -> None:
    network, targets = setting(name)
    run = pb.fit(
        network, (X, targets), loss=name, epochs=5, optimizer=pb.optim.Adam(0.05),
        validation=0.2, seed=1,
    )  # fmt: skip
    curve = run.history("train.loss")
    assert curve[-1] < curve[0]
    head = run.model.head
    assert head.task == TASKS[losses.get(name).form].replace("classification", head.task)
    said = run.predict(X)
    assert np.isfinite(said).all()
    if head.task == "regression":
        assert said.shape == (targets.shape if name == "cosine" else (60,))
        assert "validation.rmse" in run.scores
    elif head.task == "multilabel":
        assert set(np.unique(said)) <= {0, 1}
        p = run.predict(X, probabilities=True)
        assert p.shape == (60, 2)
        assert ((p >= 0) & (p <= 1)).all()
    elif head.task == "classification":
        assert set(said.tolist()) <= {0, 1, 2}
        np.testing.assert_allclose(run.predict(X, probabilities=True).sum(axis=1), 1)
    else:
        assert set(run.scores) == {"train.loss", "validation.loss"}
        assert said.shape[0] == 60


@pytest.mark.parametrize("name", [n for n in NAMES if losses.get(n).task == "binary"])
def test_one_column_of_answers_is_two_classes(name: str) -> None:
    end = [nn.Sigmoid()] if name == "binary_cross_entropy" else []
    words = np.where(ANSWERS[:, 0], "yes", "no")
    run = pb.fit(
        nn.Sequential(nn.Linear(4, 1), *end), (X, words), loss=name, epochs=30,
        optimizer=pb.optim.Adam(0.1), seed=1,
    )  # fmt: skip
    assert run.scores["train.accuracy"] > 0.85
    assert (run.predict(X) == words).mean() == pytest.approx(run.scores["train.accuracy"])


def test_a_rate_is_predicted_and_not_its_logarithm() -> None:
    counts = np.random.default_rng(0).poisson(np.exp(1 + 0.5 * X[:, 0]))[:, None]
    run = pb.fit(
        nn.Sequential(nn.Linear(4, 1)), (X, counts), loss="poisson_nll", epochs=60,
        optimizer=pb.optim.Adam(0.05), seed=1,
    )  # fmt: skip
    said = run.predict(X)
    assert said.mean() == pytest.approx(counts.mean(), rel=0.1)
    assert run.model.evaluate((X, counts), ["mae"])["mae"] == pytest.approx(
        np.abs(said - counts[:, 0]).mean(), rel=1e-6
    )
    with pytest.raises(LabelError, match="counts, at least 0"):
        pb.fit(nn.Sequential(nn.Linear(4, 1)), (X, counts - 9), loss="poisson_nll")


@pytest.mark.parametrize("name", ["poisson_nll", "gaussian_nll", "mape", "mse", "quantile"])
def test_tables_are_predicted_in_their_own_units(name: str) -> None:
    rate = np.exp(3 + 0.5 * X[:, 0])
    table = {f"x{i}": X[:, i].tolist() for i in range(4)} | {"count": rate.round().tolist()}
    run = pb.fit_table(
        table, "count", loss=name, epochs=60, patience=60, seed=0, task="regression",
        optimizer=pb.optim.Adam(0.02), dropout=0.0,
    )  # fmt: skip
    said = run.model.predict(table)
    assert said.shape == (60,)
    assert np.corrcoef(said, rate)[0, 1] > 0.9
    assert np.median(said / rate) == pytest.approx(1, abs=0.25)
    found = run.model.evaluate(table, ["rmse"])["rmse"]
    assert found == pytest.approx(np.sqrt(np.mean((said - rate.round()) ** 2)), rel=1e-4)


@pytest.mark.parametrize("name", [n for n in NAMES if losses.get(n).task != "embedding"])
def test_the_network_for_a_table_ends_as_the_loss_wants_it(name: str) -> None:
    loss = losses.get(name)
    answer = {"classification": CLASSES, "binary": ANSWERS[:, 0]}.get(loss.task, VALUES[:, 0])
    table = {f"x{i}": X[:, i].tolist() for i in range(4)} | {"y": answer.tolist()}
    task = "regression" if loss.task == "regression" else "classification"
    run = pb.fit_table(
        table, "y", loss=name, epochs=60, patience=60, seed=0, task=task, hidden=(16,),
        dropout=0.0, optimizer=pb.optim.Adam(0.02),
    )  # fmt: skip
    assert np.isfinite(run.history("train.loss")).all()
    if task == "classification":
        assert run.scores["train.accuracy"] > 0.7
    elif name != "cosine":
        assert run.scores["train.r2"] > 0


def test_targets_of_pairs_are_checked_before_training() -> None:
    network, _ = setting("cosine_embedding")
    with pytest.raises(LabelError, match=r"1 or -1.*\n.*\n.*2 \* targets - 1"):
        pb.fit(network, (X, ANSWERS[:, 0]), loss="cosine_embedding")
    with pytest.raises(DataError, match="must be numbers"):
        pb.fit(network, (X, np.array(["a"] * 60)), loss="cosine_embedding")
