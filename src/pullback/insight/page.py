"""The page itself: one file without scripts, that asks nothing of the network."""

from __future__ import annotations

from collections.abc import Iterable

from pullback._version import __version__
from pullback.insight.markup import Html, escaped, joined

STYLE = """
:root { color-scheme: light dark; --page: #ffffff; --ink: #23272e; --soft: #5d6672;
  --faint: #8b929c; --line: #dfe3e8; --ground: #f5f7f9; --good: #00704f; --bad: #b04400;
  --s0: #0072b2; --s1: #d55e00; --s2: #009e73; --s3: #cc79a7; --s4: #e69f00; --s5: #56b4e9; }
@media (prefers-color-scheme: dark) { :root { --page: #15181c; --ink: #e7eaee; --soft: #a3acb8;
  --faint: #7d8691; --line: #333a43; --ground: #1e2329; --good: #4fc79f; --bad: #ff9a5c;
  --s0: #4aa6e0; --s1: #f0853a; --s2: #2fc398; --s3: #e39bc4; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2.5rem 1.25rem 4rem; max-width: 56rem; background: var(--page);
  color: var(--ink); font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
h1 { margin: 0; font-size: 2rem; line-height: 1.2; overflow-wrap: anywhere; }
h2 { margin: 3rem 0 .75rem; padding-bottom: .35rem; border-bottom: 1px solid var(--line);
  font-size: 1.3rem; }
h3 { margin: 1.75rem 0 .5rem; font-size: 1.02rem; }
p { margin: .5rem 0; max-width: 44rem; overflow-wrap: anywhere; }
.soft, caption, figcaption, summary { color: var(--soft); }
.soft, figcaption, caption { font-size: .9rem; }
.state { display: inline-block; margin-left: .6rem; padding: .1rem .6rem; border: 1px solid;
  border-radius: 1rem; font-size: .85rem; font-weight: 600; vertical-align: .3rem; }
.finished { color: var(--good); } .failed { color: var(--bad); }
.interrupted, .running { color: var(--soft); }
.tiles { display: flex; flex-wrap: wrap; gap: .75rem; margin: 1.25rem 0 0; padding: 0; }
.tiles div { flex: 1 1 8rem; padding: .7rem .9rem; border-radius: .5rem;
  background: var(--ground); }
.tiles dt { color: var(--soft); font-size: .82rem; }
.tiles dd { margin: 0; font-size: 1.25rem; font-weight: 600; font-variant-numeric: tabular-nums; }
.callout { margin: 1rem 0; padding: .8rem 1rem; border-left: 4px solid var(--bad);
  border-radius: .25rem; background: var(--ground); max-width: none; }
.wide { overflow-x: auto; margin: .75rem 0 1.25rem; }
table { border-collapse: collapse; min-width: min(28rem, 100%); font-size: .9rem; }
caption { padding-bottom: .4rem; text-align: left; }
th, td { padding: .3rem 1.1rem .3rem 0; border-bottom: 1px solid var(--line); text-align: left;
  vertical-align: top; overflow-wrap: break-word; }
th { color: var(--soft); font-weight: 600; vertical-align: bottom; }
.n { text-align: right; font-variant-numeric: tabular-nums; } td.n { white-space: nowrap; }
.gap { color: var(--soft); text-align: center; }
.marked td { background: var(--ground); }
.marked td:nth-child(-n+2) { font-weight: 600; }
.callout pre { margin: .5rem 0 0; background: var(--page); }
pre { overflow-x: auto; padding: .8rem 1rem; border-radius: .5rem; background: var(--ground); }
code { font: .86rem/1.5 ui-monospace, "SF Mono", Menlo, Consolas, monospace; }
td code, p code { overflow-wrap: anywhere; } td:first-child { white-space: nowrap; }
details { margin: .75rem 0; } summary { cursor: pointer; }
figure { margin: 1.25rem 0; } figcaption { margin-top: .25rem; max-width: 44rem; }
svg { display: block; max-width: 100%; height: auto; }
svg * { stroke-linejoin: round; stroke-linecap: butt; }
footer { margin-top: 3rem; color: var(--soft); font-size: .85rem; }
@media print { :root { --page: #fff; --ink: #111; --soft: #444; --faint: #888; --line: #ccc;
  --ground: #f4f4f4; --good: #005c41; --bad: #8a3500; --s0: #0072b2; --s1: #d55e00;
  --s2: #009e73; --s3: #cc79a7; } body { padding: 0; max-width: none;
  font-size: 11pt; } h2, h3, caption { break-after: avoid; } figure, tr, .tiles div, pre {
  break-inside: avoid; } .wide { overflow: visible; } pre { white-space: pre-wrap; }
  details::details-content { content-visibility: visible; block-size: auto; } }
"""
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
"""What the page may load: nothing but what it holds."""


def page(title: str, content: Iterable[Html], made: str = "") -> str:
    """A whole document.

    Args:
        title: Of the window.
        content: Its parts.
        made: When, as text; nothing is said of it where it is empty.
    """
    by = f"pullback {escaped(__version__)}" + (f", {escaped(made)} UTC" if made else "")
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="pullback {escaped(__version__)}">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<title>{escaped(title)}</title>
<style>{STYLE}</style>
</head>
<body>
{joined(content)}
<footer>Written by {by}. This page holds everything
that it shows and loads nothing.</footer>
</body>
</html>
"""
