"""Attention: what may be seen is seen, the rest has no influence; what does not fit is refused."""

from __future__ import annotations

import numpy as np
import pytest

import pullback as pb
from pullback.errors import ConfigError, DtypeError, ShapeError
from pullback.nn import (
    LearnedPositions,
    MultiHeadAttention,
    SinusoidalPositions,
    TransformerBlock,
    mode,
    rotated,
)

random = np.random.default_rng(0)
X = random.normal(size=(2, 6, 8)).astype(np.float32)


def layer(**settings: object) -> MultiHeadAttention:
    made = MultiHeadAttention(8, 2, **settings)  # type: ignore[arg-type]
    made.initialise(seed=1)
    return made


@pytest.mark.parametrize("rotary", [False, True])
def test_a_later_token_changes_no_bit_of_what_comes_before(rotary: bool) -> None:
    made = layer(causal=True, rotary=rotary)
    before = made(X).numpy()
    for place in range(6):
        changed = X.copy()
        changed[:, place] = random.normal(size=(2, 8)) * 100
        after = made(changed).numpy()
        assert after[:, :place].tobytes() == before[:, :place].tobytes()
        assert (after[:, place:] != before[:, place:]).any(axis=-1).all()


def test_padding_changes_no_bit() -> None:
    made = layer()
    mask = np.arange(6) < np.array([[4], [6]])
    changed = X.copy()
    changed[0, 4:] = 1e6
    before, after = (made(x, mask=mask).numpy() for x in (X, changed))
    assert after[0, :4].tobytes() == before[0, :4].tobytes()
    np.testing.assert_allclose(before[:1, :4], made(X[:1, :4]).numpy(), rtol=1e-5, atol=1e-6)


def test_without_positions_the_order_does_not_matter() -> None:
    made = layer()
    order = random.permutation(6)
    np.testing.assert_allclose(
        made(X[:, order]).numpy(), made(X).numpy()[:, order], rtol=1e-5, atol=1e-6
    )
    for aware in (layer(rotary=True), layer(causal=True)):
        assert np.abs(aware(X[:, order]).numpy() - aware(X).numpy()[:, order]).max() > 1e-2


def test_masks_of_every_form_say_the_same() -> None:
    made = layer()
    keys = np.arange(6) < np.array([[4], [6]])
    causal = np.tri(6, dtype=bool)
    forms = [keys, keys[:, None].repeat(6, 1), keys[:, None, None], keys[:, None]]
    assert len({made(X, mask=form).numpy().tobytes() for form in forms}) == 1
    assert made(X, mask=causal[None]).numpy().tobytes() == layer(causal=True)(X).numpy().tobytes()
    both = layer(causal=True)(X, mask=keys).numpy()
    np.testing.assert_array_equal(both, made(X, mask=keys[:, None] & causal).numpy())


def test_a_query_that_sees_nothing_gives_zeros_and_no_gradient() -> None:
    q, k, v = (pb.tensor(random.normal(size=(2, 3, 4))) for _ in range(3))
    mask = np.ones((2, 3, 3), bool)
    mask[0, 1] = False
    y = pb.scaled_dot_product_attention(q, k, v, mask)
    assert (y.numpy()[0, 1] == 0).all()
    bars = pb.gradient((y[0, 1] ** 2 + y[0, 1]).sum(), [q, k, v])
    assert all((bar.numpy() == 0).all() for bar in bars)
    (bar,) = pb.gradient((y**2).sum(), [q])
    assert (bar.numpy()[0, 1] == 0).all()
    assert (bar.numpy()[0, [0, 2]] != 0).all()


def test_what_comes_later_has_weight_zero_exactly() -> None:
    weights = pb.attention_weights(X, X, causal=True).numpy()
    assert ((weights == 0) == ~np.tri(6, dtype=bool)).all()


def test_its_first_values_are_those_of_pytorch() -> None:
    """Glorot's for query, key and value side by side, (features, 3 features); no biases."""
    made = MultiHeadAttention(64, 4).initialise(seed=0)
    for part in ("query", "key", "value"):
        weight = made[f"{part}.weight"].numpy()
        assert 0.98 < np.abs(weight).max() / np.sqrt(6 / (64 + 3 * 64)) <= 1
    assert 0.98 < np.abs(made["out.weight"].numpy()).max() * np.sqrt(64) <= 1
    assert all((p.numpy() == 0).all() for n, p in made.parameters().items() if "bias" in n)


def test_what_is_not_seen_may_be_anything() -> None:
    k = random.normal(size=(3, 4))
    k[2] = np.nan
    weights = pb.attention_weights(random.normal(size=(3, 4)), k, [[True, True, False]]).numpy()
    np.testing.assert_allclose(weights.sum(axis=-1), 1)
    assert (weights[:, 2] == 0).all()


def test_large_scores_stay_finite() -> None:
    q = np.array([[1e3, 0.0]], np.float32)
    k = np.array([[1e3, 0.0], [-1e3, 0.0], [1e3, 0.0]], np.float32)
    np.testing.assert_array_equal(pb.attention_weights(q, k).numpy(), [[0.5, 0, 0.5]])


def test_rotated_products_depend_on_the_distance_alone() -> None:
    q, k = (np.repeat(random.normal(size=(1, 8)), 12, axis=0) for _ in range(2))
    scores = rotated(pb.tensor(q)).numpy() @ rotated(pb.tensor(k)).numpy().T
    for distance in range(-11, 12):
        diagonal = np.diagonal(scores, distance)
        np.testing.assert_allclose(diagonal, diagonal[0], rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(np.diagonal(scores), (q * k).sum(axis=-1))
    assert abs(scores[0, 1] - scores[0, 0]) > 1e-3


def test_dropout_drops_weights_while_training_only() -> None:
    made = layer(dropout=0.5)
    assert made(X).numpy().tobytes() == layer()(X).numpy().tobytes()
    outputs = []
    for seed in (1, 1, 2):
        with mode(training=True, seed=seed):
            outputs.append(made(X).numpy())
    np.testing.assert_array_equal(outputs[0], outputs[1])
    assert (outputs[0] != outputs[2]).any()
    assert np.abs(outputs[0] - made(X).numpy()).max() > 1e-3


@pytest.mark.parametrize("norm_first", [True, False])
def test_blocks_are_causal_to_the_last_bit(norm_first: bool) -> None:
    network = pb.nn.Sequential(
        LearnedPositions(6, 8),
        *(TransformerBlock(8, 2, causal=True, norm_first=norm_first) for _ in range(2)),
    ).initialise(seed=2)
    before = network(X).numpy()
    changed = X.copy()
    changed[:, 3] += 100
    after = network(changed).numpy()
    assert after[:, :3].tobytes() == before[:, :3].tobytes()
    assert (after[:, 3:] != before[:, 3:]).any(axis=-1).all()
    assert "1.attention.query.weight" in network.parameters()


def test_a_causal_network_learns_to_repeat_what_came_before() -> None:
    """Each token is the one two places earlier: attention has to look back."""

    class Small(pb.nn.Module):
        def __init__(self) -> None:
            self.tokens = pb.nn.Embedding(5, 16)
            self.positions = LearnedPositions(12, 16)
            self.block = TransformerBlock(16, 2, causal=True)
            self.head = pb.nn.Linear(16, 5)

        def forward(self, x: pb.Tensor) -> pb.Tensor:
            return self.head(self.block(self.positions(self.tokens(x))))

    tokens = np.random.default_rng(1).integers(0, 5, (256, 12))
    targets = np.where(np.arange(12) < 2, -1, np.roll(tokens, 2, axis=1))
    network = Small()
    pb.fit(
        network,
        (tokens, targets),
        loss="cross_entropy",
        epochs=60,
        optimizer=pb.optim.Adam(0.01),
        seed=0,
    )
    logits = network(tokens[:50]).numpy()
    right = (logits.argmax(axis=-1) == targets[:50])[:, 2:]
    assert right.mean() > 0.95


def test_sizes_of_a_block_that_are_none() -> None:
    for wrong in ({"features": 0}, {"hidden": 0}, {"heads": 1.5}):
        with pytest.raises(ConfigError, match="positive whole number"):
            TransformerBlock(**{"features": 8, "heads": 2, **wrong})  # type: ignore[arg-type]


def test_features_that_cannot_be_shared() -> None:
    with pytest.raises(ConfigError, match="equally") as caught:
        MultiHeadAttention(10, 4)
    assert "10 features for 4 heads" in caught.value.received
    with pytest.raises(ConfigError, match="pairs"):
        MultiHeadAttention(6, 2, rotary=True)
    for sizes in ((0, 1), (4, 0), (4.0, 2)):
        with pytest.raises(ConfigError, match="positive whole number"):
            MultiHeadAttention(*sizes)  # type: ignore[arg-type]


@pytest.mark.parametrize("shape", [(2, 6, 7), (6, 8), (8,), (2, 1, 6, 8)])
def test_inputs_that_do_not_fit(shape: tuple[int, ...]) -> None:
    with pytest.raises(ShapeError, match="MultiHeadAttention") as caught:
        layer()(np.ones(shape, np.float32))
    assert str(shape) in caught.value.received


def test_keys_and_values_that_do_not_fit() -> None:
    made = layer()
    for key, value in ((X[:1], X[:1]), (X, X[:, :3])):
        with pytest.raises(ShapeError, match="one value a key"):
            made(X, key, value)
    with pytest.raises(ShapeError, match="as many keys as queries"):
        layer(causal=True)(X, X[:, :3])
    q = np.ones((2, 3))
    with pytest.raises(ShapeError, match="queries"):
        pb.attention_weights(q, np.ones((2, 4)))
    with pytest.raises(ShapeError, match="one value a key"):
        pb.scaled_dot_product_attention(q, q, np.ones((3, 3)))


@pytest.mark.parametrize("shape", [(6,), (2, 5), (6, 6), (1, 2, 6, 6, 1), (2, 5, 6), (3, 1, 1, 6)])
def test_masks_that_do_not_fit(shape: tuple[int, ...]) -> None:
    with pytest.raises(ShapeError, match="mask") as caught:
        layer()(X, mask=np.ones(shape, bool))
    assert "(2, 2, 6, 6)" in caught.value.must


def test_a_mask_of_numbers() -> None:
    with pytest.raises(DtypeError, match="boolean") as caught:
        layer()(X, mask=np.zeros((2, 6), np.float32))
    assert "float32" in caught.value.received


def test_a_sequence_longer_than_the_learned_positions() -> None:
    made = LearnedPositions(4, 8).initialise()
    with pytest.raises(ShapeError, match="knows 4 places") as caught:
        made(X)
    assert "6 places" in caught.value.received
    with pytest.raises(ShapeError, match="sequences of vectors"):
        made(X[:, :, :3])
    with pytest.raises(ShapeError, match="sequences of vectors"):
        SinusoidalPositions()(X[0, 0])


def test_positions_are_where_the_network_says() -> None:
    network = pb.nn.Sequential(layer(), "relu", layer(bias=False))
    assert "2.query.weight" in network.parameters()
    assert "2.query.bias" not in network.parameters()
    assert network["2.out.weight"].shape == (8, 8)
