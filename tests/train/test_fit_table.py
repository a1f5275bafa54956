"""Training on a table of which nothing is known."""

import numpy as np
import pytest

import pullback as pb
from pullback.errors import UnknownNameError


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
