"""Training on a table of which nothing is known."""

import numpy as np
import pytest

import pullback as pb
from pullback.errors import ConfigError, UnknownNameError


def yes_or_no():
    random = np.random.default_rng(0)
    x = random.normal(size=(120, 2))
    return {"a": x[:, 0], "b": x[:, 1], "y": np.where(x.sum(axis=1) > 0, "yes", "no")}


def test_options_go_to_data_network_and_training():
    run = pb.fit_table(
        yes_or_no(),
        "y",
        test=0.25,
        hidden=(5,),
        activation="tanh",
        epochs=2,
        seed=3,
        progress="none",
    )
    assert "test.accuracy" in run.scores
    assert run.network["0.weight"].shape[1] == 5
    assert run.epochs[-1].epoch == 2


def test_a_binary_loss_gets_one_output():
    run = pb.fit_table(yes_or_no(), "y", loss="bce", epochs=2, progress="none")
    assert run.network["0.weight"].shape[0] > 0
    assert set(run.predict(yes_or_no())) <= {"yes", "no"}


def test_an_unknown_option_is_answered_with_the_nearest():
    with pytest.raises(UnknownNameError, match="epochs"):
        pb.fit_table(yes_or_no(), "y", epoch=3)


def test_without_validation_the_training_loss_is_watched():
    run = pb.fit_table(yes_or_no(), "y", validation=0, test=0, epochs=2, progress="none")
    assert run.ending == "finished"
    assert set(run.scores) >= {"train.loss", "train.accuracy"}


def test_columns_of_yes_and_no_are_labels(tmp_path):
    table = yes_or_no()
    table |= {"tall": table["a"] > 0, "old": (table["b"] > 0).astype(int)}
    settings = {"epochs": 60, "seed": 3, "progress": "none", "test": 0}
    run = pb.fit_table(table, ["y", "tall", "old"], save=tmp_path, **settings)
    assert run.model.head.task == "multilabel"
    assert run.scores["validation.multilabel_f1"] > 0.8
    scores = run.evaluate(table)
    assert scores["multilabel_f1"] > 0.8
    model = pb.load(run.path)
    said = model.predict(table)
    assert said.shape == (120, 3)
    assert ((said[:, 1] == 1) == table["tall"]).mean() > 0.8
    likely = model.predict(table, probabilities=True)
    assert np.array_equal(likely > 0.5, said == 1)
    with pytest.raises(ConfigError, match="one for multilabel"):
        pb.fit_table(table, ["y", "tall"], loss="mse", **settings)


def test_several_numbers_are_a_regression(tmp_path):
    table = yes_or_no()
    del table["y"]
    table |= {"sum": 100 + 5 * table["a"] + table["b"], "difference": table["a"] - table["b"]}
    run = pb.fit_table(table, ["sum", "difference"], epochs=60, save=tmp_path, progress="none")
    assert run.scores["test.r2"] > 0.8
    said = pb.load(run.path).predict(table)
    assert said.shape == (120, 2)
    assert np.abs(said[:, 0] - table["sum"]).mean() < 2
