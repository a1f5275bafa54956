"""`pullback generate`: a text that goes on as a trained network says."""

from __future__ import annotations

import click

from pullback.cli import output
from pullback.cli.options import Command, as_json, option

EXAMPLES = ('generate runs/book-1 --prompt "In the beginning" --length 400',)


@click.command("generate", cls=Command, examples=EXAMPLES)
@click.argument("model", metavar="RUN|MODEL")
@option("--prompt", metavar="TEXT", default="", help="What the text begins with.")
@option("--length", type=int, default=200, metavar="N", help="How many tokens are added.  [200]")
@option(
    "--temperature",
    type=float,
    default=1.0,
    metavar="X",
    help="0 takes the most probable token; above 1, tokens are drawn more evenly.  [1]",
)
@option("--seed", type=int, default=0, metavar="N", help="The same seed, the same text.  [0]")
@as_json
def command(
    model: str, prompt: str, length: int, temperature: float, seed: int, as_json: bool
) -> None:
    """Go on with a text, token by token, as the network of a run (or of a model file) says.

    The network must have been trained on a text: pullback train FILE.txt.
    """
    from pullback.cli import places

    loaded = places.load(model)
    text = loaded.generate(prompt, length, temperature=temperature, seed=seed)
    if as_json:
        output.emit("generate", {"model": model, "prompt": prompt, "text": text})
    else:
        click.echo(text)
