"""The options of `pullback train` that are settings: of the data, the network and the training.

Each table is a group of the help text, and a table of the TOML file.
"""

from __future__ import annotations

from pullback.cli.options import Decorator, Named, Pair, Sizes, Switchable, option

DATA: list[Decorator] = [
    option(
        "-t",
        "--target",
        multiple=True,
        metavar="COLUMN",
        group="Data",
        help="The column to predict; several, with commas, of numbers or of yes and no.",
    ),
    option(
        "--task",
        metavar="TASK",
        group="Data",
        help="classification, multilabel or regression.  [found from the target]",
    ),
    option(
        "--role",
        "roles",
        multiple=True,
        type=Pair("column", "role"),
        group="Data",
        help="What a column is: numeric, categorical, boolean, date, text or drop.",
    ),
    option(
        "--drop",
        multiple=True,
        metavar="COLUMN",
        group="Data",
        help="Leave a column out; several times for several.",
    ),
    option("--weight", metavar="COLUMN", group="Data", help="The weight of each row."),
    option(
        "--split",
        metavar="HOW",
        group="Data",
        help="random, stratified, group, time, or a column that says train, validation "
        "or test.  [stratified for classes, else random]",
    ),
    option("--group", metavar="COLUMN", group="Data", help="Rows of one group stay together."),
    option(
        "--time-column",
        metavar="COLUMN",
        group="Data",
        help="Train on the earliest rows, test on the latest.",
    ),
    option(
        "--validation",
        type=float,
        metavar="SHARE",
        group="Data",
        help="The share of rows that decide when to stop.  [0.2]",
    ),
    option(
        "--test",
        type=float,
        metavar="SHARE",
        group="Data",
        help="The share of rows that nothing looks at until the end.  [0.2]",
    ),
    option(
        "--separator",
        metavar="CHARACTER",
        group="Data",
        help="Between fields of a text, or 'tab'.  [found]",
    ),
    option("--encoding", metavar="NAME", group="Data", help="Of a text.  [utf-8]"),
    option(
        "--missing",
        multiple=True,
        metavar="WORD",
        group="Data",
        help="A word that means 'no value', beside NA, null, ? and the like.",
    ),
    option(
        "--drop-missing-target",
        is_flag=True,
        default=None,
        group="Data",
        help="Leave out rows without a target.",
    ),
]
"""How a file is read, and what its columns and rows are for."""

NETWORK: list[Decorator] = [
    option(
        "--hidden",
        "--network",
        "hidden",
        type=Sizes(),
        metavar="SIZES",
        group="Network",
        help="Widths of the hidden layers, such as 64,64; none for a linear model.",
    ),
    option(
        "--activation",
        metavar="NAME",
        group="Network",
        help="relu, leaky_relu, elu, selu, gelu, silu, mish, sigmoid, tanh, softplus or another.",
    ),
    option(
        "--dropout",
        type=float,
        metavar="P",
        group="Network",
        help="Probability of dropping a hidden number while training.",
    ),
]
"""What the network looks like."""

TRAINING: list[Decorator] = [
    option(
        "--until",
        metavar="LEVEL",
        group="Training",
        help="Stop when good enough: 'accuracy >= 0.97', 'train.loss < 0.1'.",
    ),
    option(
        "--epochs",
        type=int,
        metavar="N",
        group="Training",
        help="Times through the data, at most.",
    ),
    option("--steps", type=int, metavar="N", group="Training", help="Updates, at most."),
    option("--time", metavar="TIME", group="Training", help="At most so long: 90s, 5min, 1h."),
    option(
        "--patience",
        type=Switchable(int),
        metavar="N",
        group="Training",
        help="Stop after so many epochs without improvement; none never does.",
    ),
    option(
        "--monitor",
        metavar="METRIC",
        group="Training",
        help="What has to improve: loss, or a metric.",
    ),
    option(
        "--min-delta",
        type=float,
        metavar="X",
        group="Training",
        help="By how much it has to improve.  [0]",
    ),
    option(
        "--metrics",
        multiple=True,
        metavar="NAMES",
        group="Training",
        help="What is measured after every epoch, such as accuracy,f1,log_loss.",
    ),
    option(
        "--loss",
        type=Named(),
        metavar="NAME",
        group="Training",
        help="cross_entropy, binary_cross_entropy_with_logits; mse, mae, 'huber, delta=2'.",
    ),
    option(
        "--class-weight",
        multiple=True,
        metavar="W",
        group="Training",
        help="balanced, or CLASS=WEIGHT several times.",
    ),
    option(
        "--optimizer",
        type=Named(),
        metavar="NAME",
        group="Training",
        help="adamw, adam, lion, muon, lbfgs, schedule_free, 'sgd, momentum=0.9' and others.",
    ),
    option(
        "--learning-rate",
        type=float,
        metavar="X",
        group="Training",
        help="The highest that the schedule reaches.",
    ),
    option(
        "--weight-decay",
        type=float,
        metavar="X",
        group="Training",
        help="How strongly weights are pulled towards 0.",
    ),
    option(
        "--schedule",
        type=Named(),
        metavar="NAME",
        group="Training",
        help="constant, cosine, linear, warmup, one_cycle, plateau, 'step, every=0.3' and others.",
    ),
    option("--batch-size", type=int, metavar="N", group="Training", help="Rows a step."),
    option(
        "--clip-norm",
        type=Switchable(float),
        metavar="X",
        group="Training",
        help="Largest norm of the whole gradient: all of it is shrunk alike.",
    ),
    option(
        "--clip-each-norm",
        type=float,
        metavar="X",
        group="Training",
        help="Largest norm of each parameter's gradient.",
    ),
    option(
        "--clip-value",
        type=float,
        metavar="X",
        group="Training",
        help="Largest size of an element of the gradient.",
    ),
    option(
        "--constraint",
        "constraints",
        multiple=True,
        type=Pair("pattern", "name", first=True),
        group="Training",
        help="What weights must fulfil: '*.weight=max_norm, limit=3', non_negative, unit_norm.",
    ),
    option(
        "--ema",
        type=float,
        metavar="X",
        group="Training",
        help="Use a running average of the weights, of which X is kept each step: 0.999.",
    ),
    option(
        "--l1",
        type=float,
        metavar="X",
        group="Training",
        help="Times the sum of absolute weights, added to the loss.  [0]",
    ),
    option(
        "--l2",
        type=float,
        metavar="X",
        group="Training",
        help="Times the sum of squared weights, added to the loss.  [0]",
    ),
    option(
        "--accumulate",
        type=int,
        metavar="N",
        group="Training",
        help="Compute each batch in so many parts, to save memory.  [1]",
    ),
    option(
        "--shuffle/--no-shuffle",
        default=None,
        group="Training",
        help="An order of its own for every epoch.  [shuffle]",
    ),
    option(
        "--restore-best/--keep-last",
        default=None,
        group="Training",
        help="Put the weights of the best epoch back at the end.  [restore-best]",
    ),
    option(
        "--seed",
        type=int,
        metavar="N",
        group="Training",
        help="The same seed gives the same split and the same network.  [0]",
    ),
    option(
        "--executor",
        metavar="NAME",
        group="Training",
        help="numpy, or reference (slow, float64 inside).  [numpy]",
    ),
    option(
        "--checkpoint-steps",
        type=int,
        metavar="N",
        group="Training",
        help="Save after so many steps.  [every few seconds]",
    ),
]
"""How the network is trained: everything that `pb.fit` takes."""
