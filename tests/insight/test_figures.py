"""Figures: they show the numbers, their words do not touch, and nothing global changes."""

from __future__ import annotations

import builtins
import io
import itertools
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

import pullback as pb
from pullback import errors, nn
from pullback.insight.figures import histograms, layers_by_steps
from pullback.insight.figures.history import BINS, History, history_figure, history_of
from pullback.insight.figures.style import apart
from tests.insight.test_fidelity import built

NAN, INF = float("nan"), float("inf")


def words(figure: Figure) -> list[Text]:
    """Every text that is shown, drawn once; ticks beyond the ends of an axis are not."""
    FigureCanvasAgg(figure).draw()
    hidden: set[int] = set()
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            room = 1e-6 * (high - low)
            for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks()):
                if not low - room <= tick.get_loc() <= high + room:
                    hidden |= {id(tick.label1), id(tick.label2)}
    shown = [t for t in figure.findobj(Text) if isinstance(t, Text) and id(t) not in hidden]
    return [t for t in shown if t.get_visible() and t.get_text().strip()]


def said(figure: Figure) -> str:
    return "\n".join(text.get_text() for text in words(figure))


def is_tidy(figure: Figure) -> None:
    """All words lie on the sheet, and none on another, but for those along the lines of a map."""
    texts = [t for t in words(figure) if t.get_rotation() in (0, 90)]
    boxes = [(t.get_text(), t.get_window_extent()) for t in texts]
    sheet = figure.bbox.padded(3)
    for text, box in boxes:
        assert sheet.x0 <= box.x0 <= box.x1 <= sheet.x1, f"{text!r} leaves the sheet"
        assert sheet.y0 <= box.y0 <= box.y1 <= sheet.y1, f"{text!r} leaves the sheet"
    for (one, a), (other, b) in itertools.combinations(boxes, 2):
        assert not a.padded(-1.5).overlaps(b.padded(-1.5)), f"{one!r} lies on {other!r}"


def fitted(tmp_path: Path, **settings: Any) -> pb.Run:
    random = np.random.default_rng(0)
    x = random.normal(size=(60, 4)).astype("float32")
    options: dict[str, Any] = {"epochs": 6, "patience": 3, "save": tmp_path, "progress": "none"}
    options["validation"] = 0.25
    return pb.fit(
        nn.dense(4, [6], 2), (x, (x.sum(1) > 0).astype(int)), loss="cross_entropy",
        **{**options, **settings},
    )  # fmt: skip


@pytest.mark.parametrize("save", [True, False])
def test_a_run_is_drawn_with_its_numbers(tmp_path: Path, save: bool) -> None:
    run = fitted(tmp_path, save=tmp_path if save else None)
    figure = pb.figure(run)
    is_tidy(figure)
    loss, metrics, rate = figure.axes
    lines = [line.get_ydata() for line in loss.lines]
    assert any(np.array_equal(y, run.losses) for y in lines)
    assert any(np.array_equal(y, run.history("validation.loss")) for y in lines)
    assert any(
        np.array_equal(line.get_ydata(), run.history("validation.accuracy"))
        for line in metrics.lines
    )
    assert len(rate.lines[0].get_ydata()) == run.step
    text = said(figure)
    for word in ("training", "validation", "accuracy", "learning rate", "epoch (of 2 steps each)"):
        assert word in text
    assert ("best epoch" in text) == (save or run.best_step is not None)


def test_a_folder_is_drawn_like_its_run(tmp_path: Path) -> None:
    run = fitted(tmp_path)
    assert run.path is not None
    for which in (run.path, str(run.path)):
        assert said(pb.figure(which)) == said(pb.figure(run))
    mine, theirs = history_of(run), run.steps.columns()
    np.testing.assert_array_equal(mine.steps["loss"], theirs["loss"])
    assert mine.best in [e.step for e in run.epochs]


def history(steps: int, epochs: dict[str, Any], **more: Any) -> History:
    step = np.arange(1, steps + 1)
    rows = {
        "step": step, "loss": np.linspace(2, 1, steps), "learning_rate": np.full(steps, 0.1)
    }  # fmt: skip
    return History("odd", {**rows, **more.pop("rows", {})}, epochs, **more)


NO_EPOCHS: dict[str, Any] = {"epoch": np.array([], int), "step": np.array([], int)}
ODD = {
    "no step": history(0, NO_EPOCHS),
    "one step": history(1, NO_EPOCHS, failed=2),
    "nothing finite": history(3, NO_EPOCHS, rows={"loss": np.array([NAN, INF, NAN])}),
    "a million steps": history(10**6, NO_EPOCHS),
    "one epoch": history(
        5, {"epoch": np.array([1]), "step": np.array([5]), "train.loss": np.array([1.5])}
    ),
    "epochs of unequal length": history(
        9, {"epoch": np.array([1, 2]), "step": np.array([5, 9]), "train.loss": np.array([1.5, 1])}
    ),
    "no value of a metric": history(
        4,
        {"epoch": np.array([1, 2]), "step": np.array([2, 4]), "test.rmse": np.array([NAN, NAN])},
    ),
    "many metrics in one place": history(
        4,
        {
            "epoch": np.array([1, 2]), "step": np.array([2, 4]),
            "train.loss": np.array([1.0, 0.5]), "validation.loss": np.array([1.0, 0.5]),
            **{f"validation.{m}": np.array([0.5, 1.0]) for m in ("accuracy", "f1", "precision")},
            **{f"test.{m}": np.array([0.5, 1.0]) for m in ("accuracy", "f1", "precision")},
            "validation.rmse": np.array([1e6, 3.0]), "validation.own $x_": np.array([1.0, 2.0]),
        },
        best=4,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ODD)
def test_odd_histories(name: str) -> None:
    is_tidy(history_figure(ODD[name]))


def test_many_steps_are_drawn_as_their_range() -> None:
    odd = ODD["a million steps"]
    loss = np.sin(np.arange(10**6))
    figure = history_figure(History("long", {**odd.steps, "loss": loss}, NO_EPOCHS))
    (band,) = figure.axes[0].collections
    (path,) = band.get_paths()
    assert len(path.vertices) < 3 * BINS
    assert path.vertices[:, 1].max() == pytest.approx(1)


def test_a_range_of_many_sizes_is_logarithmic() -> None:
    rows = {"loss": np.geomspace(10, 1e-6, 50)}
    assert history_figure(history(50, NO_EPOCHS, rows=rows)).axes[0].get_yscale() == "log"
    rows = {"loss": np.append(rows["loss"][:-1], 0.0)}
    assert history_figure(history(50, NO_EPOCHS, rows=rows)).axes[0].get_yscale() == "linear"


@pytest.mark.parametrize("extent", [0.5, 300, 1e9, 1e38])
@pytest.mark.parametrize("along", ["random", "gradient", ("random", "random")])
def test_landscapes_are_drawn(along: Any, extent: float) -> None:
    network, data = built("dense", "float32")
    for steps in (2, 9):
        seen = pb.landscape(
            network, data, loss="cross_entropy", along=along, extent=extent, steps=steps
        )
        figure = seen.figure()
        is_tidy(figure)
        text = said(figure)
        if np.isfinite(seen.losses).any():
            assert f"the network: {seen.centre:.4g}" in text
            assert ("not finite" in text) == (not np.isfinite(seen.losses).all())
        else:
            assert "no loss is finite" in text


def test_a_curve_shows_the_losses() -> None:
    network, data = built("dense", "float32")
    other = built("dense", "float32")[0].initialise(seed=7, overwrite=True)
    seen = pb.landscape(network, data, loss="cross_entropy", along=other)
    curve, star = seen.figure().axes[0].lines
    np.testing.assert_array_equal(curve.get_ydata(), seen.losses)
    assert star.get_xydata().tolist() == [[0.0, seen.centre]]


def test_the_words_at_the_edge_of_a_curve_do_not_touch_the_title() -> None:
    networks = [built("dense", "float32")[0].initialise(seed=s, overwrite=True) for s in range(3)]
    data = built("dense", "float32")[1]
    for one, other in itertools.permutations(networks, 2):
        for extent in (None, (-1, 0), (-0.3, 0.4), (-3, 3)):
            seen = pb.landscape(one, data, loss="cross_entropy", along=other, extent=extent)
            is_tidy(seen.figure())


def test_a_flat_landscape_is_drawn() -> None:
    network = nn.Linear(2, 1).initialise(seed=0)
    flat = pb.landscape(network, (np.zeros((3, 2)), np.zeros((3, 1))), loss="mse")
    assert flat.losses.min() == flat.losses.max()
    is_tidy(flat.figure())


@pytest.mark.parametrize("rate", [None, 1e-9, 0.5, 1e3])
def test_eigenvalues_are_drawn(rate: float | None) -> None:
    network, data = built("dense", "float64")
    found = pb.curvature(network, data, loss="cross_entropy", count=4, learning_rate=rate)
    figure = found.figure()
    is_tidy(figure)
    widths = [bar.get_width() for bar in figure.axes[0].patches]
    np.testing.assert_allclose(widths, [*found.eigenvalues, found.lowest])
    assert ("2 / learning rate" in said(figure)) == (rate is not None)


def test_layers_by_steps_shows_the_values() -> None:
    values = np.array([[1.0, 2.0, NAN], [0.5, 0.0, 3.0]])
    figure = layers_by_steps(["0.weight", "a $b_ name"], [1, 5, 7], values, "norms", log=True)
    is_tidy(figure)
    (grid,) = figure.axes[0].collections
    drawn = grid.get_array()
    assert drawn.mask.tolist() == [[False, False, True], [False, True, False]]
    assert drawn[1, 2] == 3.0
    labels = [t.get_text() for t in figure.axes[0].get_yticklabels()]
    assert labels == ["0.weight", "a $b_ name"]
    top, bottom = figure.axes[0].get_yticks()
    transform = figure.axes[0].transData.transform
    assert transform((1, top))[1] > transform((1, bottom))[1]
    assert "grey" in said(figure)


@pytest.mark.parametrize("count", [1, 3, 40, 300])
@pytest.mark.parametrize("log", [True, False])
def test_any_number_of_layers(count: int, log: bool) -> None:
    values = np.random.default_rng(0).normal(size=(count, 4))
    names = [f"blocks.{i}.attention.projection.weight" for i in range(count)]
    figure = layers_by_steps(names, [1, 2, 3, 4], np.abs(values) if log else values, "x", log=log)
    assert len(figure.axes[0].get_yticks()) <= 40
    is_tidy(figure)


def test_nothing_to_show_is_said() -> None:
    assert "nothing to show" in said(layers_by_steps(["a"], [1], [[0.0]], "x", log=True))
    assert "nothing to show" in said(layers_by_steps(["a"], [1], [[NAN]], "x"))
    assert "nothing to show" in said(histograms([1], [0, 1], [[0]], "x"))


def looked_at(**settings: Any) -> pb.Readings:
    random = np.random.default_rng(0)
    x = random.normal(size=(64, 5)).astype(np.float32)
    network = nn.dense(5, [8, 8], 2, activation="tanh")
    given = {"steps": 12, "probes": pb.Probes(every=2, histograms=True), **settings}
    return pb.fit(network, (x, (x[:, 0] > 0).astype(int)), progress="none", **given).probes


@pytest.mark.parametrize("quantity", ["norm", "mean", "zeros", "low"])
def test_a_quantity_of_one_place_is_drawn(quantity: str) -> None:
    reading = looked_at()["1.output"]
    drawn = pb.figure(reading, quantity=quantity)
    (line,) = drawn.axes[0].lines
    wanted = getattr(reading, quantity) * (100 if quantity == "zeros" else 1)
    np.testing.assert_array_equal(line.get_ydata(), wanted)
    assert quantity in drawn.axes[0].get_ylabel()
    is_tidy(drawn)


def test_what_cannot_be_chosen_of_one_place_or_of_another_result() -> None:
    readings = looked_at()
    reading = readings["0.weight"]
    with pytest.raises(errors.UnknownNameError, match="unknown quantity"):
        pb.figure(reading, quantity="median")
    with pytest.raises(errors.ConfigError, match="two places") as caught:
        pb.figure(reading, quantity="update_ratio")
    assert "pb.figure(run.probes" in caught.value.do
    with pytest.raises(errors.ConfigError, match=r"seen of saturated"):
        pb.figure(reading, quantity="saturated")
    with pytest.raises(errors.ConfigError, match="chosen of what probes saw"):
        pb.figure(reading, pattern="*")
    for chosen in ({"quantity": "mean"}, {"pattern": "*"}):
        with pytest.raises(errors.ConfigError, match="chosen of what probes saw"):
            pb.figure("nowhere", **chosen)


@pytest.mark.parametrize("quantity", ["norm", "mean", "zeros", "update_ratio"])
def test_what_probes_saw_is_drawn(quantity: str) -> None:
    readings = looked_at()
    pattern = "*" if quantity == "update_ratio" else "*.output"
    drawn = pb.figure(readings, quantity=quantity, pattern=pattern)
    is_tidy(drawn)
    shown = drawn.axes[0].collections[0].get_array()
    names = [t.get_text() for t in drawn.axes[0].get_yticklabels()]
    row = names.index("2.weight" if quantity == "update_ratio" else "1.output")
    if quantity == "update_ratio":
        wanted = readings.update_ratio("2.weight")
    else:
        wanted = getattr(readings["1.output"], quantity) * (100 if quantity == "zeros" else 1)
    np.testing.assert_allclose(np.asarray(shown).reshape(len(names), -1)[row], wanted)


def test_one_place_is_drawn_by_size_or_by_its_mean() -> None:
    sizes = pb.figure(looked_at()["0.weight.gradient"])
    is_tidy(sizes)
    assert "log2 of the size" in said(sizes)
    mean = pb.figure(looked_at(probes="*.output")["1.output"])
    is_tidy(mean)
    assert {"greatest", "mean, deviation", "least"} <= set(said(mean).splitlines())


def test_looks_far_apart_are_drawn_apart() -> None:
    readings = looked_at(steps=1200, probes=None)
    drawn = pb.figure(readings, pattern="*.output")
    is_tidy(drawn)
    assert drawn.axes[0].get_xscale() == "linear"
    sparse = layers_by_steps(["a"], [1, 2, 3, 4, 5, 1000], [[1, 2, 3, 4, 5, 6]], "t")
    assert sparse.axes[0].get_xscale() == "log"


def test_what_probes_have_not_seen_is_not_drawn() -> None:
    readings = looked_at(probes="*.output")
    with pytest.raises(errors.UnknownNameError, match="unknown quantity"):
        pb.figure(readings, quantity="median", pattern="*")
    with pytest.raises(errors.UnknownNameError):
        pb.figure(readings)
    with pytest.raises(errors.ConfigError, match="seen of update_ratio"):
        pb.figure(readings, quantity="update_ratio", pattern="*")


@given(st.lists(st.floats(-3, 3), min_size=1, max_size=60))
def test_the_median_of_a_histogram(values: list[float]) -> None:
    edges = np.linspace(-3, 3, 25)
    counts = np.histogram(values, edges)[0]
    figure = histograms([1, 2], edges, [counts, counts], "values")
    median = figure.axes[0].lines[-1].get_ydata()[0]
    ordered = np.sort(values)
    width = edges[1] - edges[0]
    half = len(values) // 2
    low = ordered[half] if len(values) % 2 else ordered[half - 1]
    assert low - width - 1e-9 <= median <= ordered[half] + width + 1e-9
    shares = figure.axes[0].collections[0].get_array()
    assert shares.sum() == pytest.approx(200)


def test_arrays_that_do_not_fit_are_refused() -> None:
    with pytest.raises(errors.ShapeError, match=r"\(layers, steps\), \(2, 3\)"):
        layers_by_steps(["a", "b"], [1, 2, 3], np.ones((3, 2)), "x")
    with pytest.raises(errors.ShapeError, match="steps must be finite and grow"):
        layers_by_steps(["a"], [1, 1], np.ones((1, 2)), "x")
    with pytest.raises(errors.ShapeError, match=r"\(steps, bins\)"):
        histograms([1, 2], [0, 1], np.ones((2, 2)), "x")
    with pytest.raises(errors.ShapeError, match="edges must be finite and grow"):
        histograms([1], [1, 0], np.ones((1, 1)), "x")
    with pytest.raises(errors.ConfigError, match="runs, landscapes, curvatures and of"):
        pb.figure(3)  # type: ignore[arg-type]
    with pytest.raises(errors.FileFormatError, match="folder of a run"):
        pb.figure("nowhere")


@given(st.lists(st.floats(0, 1), max_size=8))
def test_labels_are_moved_apart_in_order(heights: list[float]) -> None:
    placed = apart(heights, 0.1)
    assert [placed[i] for i in np.argsort(heights, kind="stable")] == sorted(placed)
    assert all(b - a >= 0.1 - 1e-9 for a, b in itertools.pairwise(sorted(placed)))
    assert all(-1e-9 <= p <= 1 + 1e-9 for p in placed)
    if len(heights) == 1:
        assert placed == heights


def test_without_matplotlib_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return real(name, *rest)

    network, data = built("dense", "float32")
    seen = pb.landscape(network, data, loss="cross_entropy", steps=2)
    monkeypatch.setattr(builtins, "__import__", without)
    for draw in (seen.figure, lambda: histograms([1], [0, 1], [[1]], "x")):
        with pytest.raises(errors.ConfigError, match=r"pip install 'pullback\[plot\]'"):
            draw()
    assert str(seen)


def test_nothing_global_changes_and_no_display_is_needed(tmp_path: Path) -> None:
    """In a process of its own: pyplot stays unloaded, settings and figures are as they were."""
    program = (
        "import json, sys\n"
        "import pullback as pb\n"
        "from pullback import insight\n"
        "assert 'matplotlib' not in sys.modules\n"
        "import matplotlib\n"
        "before = str([*dict.items(matplotlib.rcParams)])\n"
        "network = pb.nn.Linear(1, 1).initialise(seed=0)\n"
        "seen = pb.landscape(network, ([[1.0]], [[0.0]]), loss='mse')\n"
        "seen.figure().savefig(sys.argv[1])\n"
        "print(json.dumps([str([*dict.items(matplotlib.rcParams)]) == before,\n"
        "                  'matplotlib.pyplot' in sys.modules]))"
    )
    out = subprocess.run(
        [sys.executable, "-c", program, "landscape.svg"],
        capture_output=True, text=True, check=True, cwd=tmp_path,
    )  # fmt: skip
    assert json.loads(out.stdout) == [True, False]


def test_every_format_can_be_written() -> None:
    figure = layers_by_steps(["0"], [1, 2], [[1.0, 2.0]], "x")
    before = str([*dict.items(mpl.rcParams)])
    for form in ("png", "svg", "pdf"):
        out = io.BytesIO()
        figure.savefig(out, format=form)
        assert out.getvalue()
    assert str([*dict.items(mpl.rcParams)]) == before
