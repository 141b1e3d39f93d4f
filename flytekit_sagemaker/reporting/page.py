"""The HTML page around a report: its style sheet and the few elements that reports are made of.

A page stands alone: no script, no network. It also works inside another page (a Flyte deck's tab), since every rule of
the style sheet is under one class.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from urllib.parse import urlsplit

STYLE = """
.smr{color-scheme:light dark;--ink:#1b2330;--soft:#5b6675;--paper:#fff;--card:#f5f7fa;--line:#dde3ea;--point:#0072b2;
--best:#d98200;--bad:#c2410c;--good:#00734f;--quiet:#7b8794;--tint:#fff6e3;color:var(--ink);background:var(--paper);
font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;box-sizing:border-box;
max-width:1120px;margin:0 auto;padding:28px 24px 48px;text-align:left}
@media(prefers-color-scheme:dark){.smr{--ink:#e6ebf2;--soft:#9aa7b8;--paper:#12171f;--card:#1b222d;--line:#303a48;
--point:#56b4e9;--best:#f0b432;--bad:#ff8a5c;--good:#3fd0a0;--quiet:#8793a3;--tint:#2b2617}}
.smr.cell{padding:10px 14px;margin:0;max-width:none;border-radius:8px}
.smr.cell ul.chosen{margin:6px 0;padding:0;font-size:13px}.smr.cell .alert{margin:8px 0;padding:6px 12px}
.smr.cell{color:var(--jp-content-font-color1,var(--ink));background:var(--jp-layout-color0,var(--paper))}
.smr.cell .kicker,.smr.cell .chosen span{color:var(--jp-content-font-color2,var(--soft))}
.smr.cell .chosen li{border-color:var(--jp-border-color1,var(--line))}
.smr.cell .alert{background:var(--jp-layout-color2,var(--card))}
.smr.cell a{color:var(--jp-content-link-color,var(--point))}
.smr *{box-sizing:border-box}
.smr .kicker{color:var(--soft);font-size:13px;margin:0}.smr .kicker.above{margin:18px 0 -8px}
.smr nav{display:inline-flex;flex-wrap:wrap;gap:4px 16px;font-size:14px;overflow-wrap:anywhere}
.smr h1{font-size:24px;line-height:1.25;margin:2px 0 0;overflow-wrap:anywhere}
.smr h2{font-size:16px;margin:36px 0 12px}
.smr .badge{display:inline-block;border:1.5px solid currentColor;border-radius:99px;font-size:13px;font-weight:600;
padding:1px 11px;margin:10px 8px 0 0;color:var(--soft)}
.smr .badge.done{color:var(--good)}.smr .badge.failed{color:var(--bad)}.smr .badge.running{color:var(--point)}
.smr .tiles{display:flex;flex-wrap:wrap;gap:12px;margin:22px 0 0}
.smr .tile{background:var(--card);border-radius:10px;padding:13px 15px;min-width:0;flex:1 1 150px}
.smr .tile.lead{background:var(--tint);flex:1.8 1 200px}
.smr .tile b{display:block;font-size:21px;line-height:1.3;font-variant-numeric:tabular-nums;overflow-wrap:anywhere}
.smr .tile.lead b{font-size:32px;color:var(--best)}
.smr .tile span{color:var(--soft);font-size:13px;overflow-wrap:anywhere}
.smr .alert{border-left:4px solid var(--bad);background:var(--card);padding:10px 16px;margin:22px 0 0;
border-radius:0 8px 8px 0;overflow-wrap:anywhere;white-space:pre-wrap}
.smr .note{border-left:4px solid var(--best);background:var(--tint);padding:8px 16px;margin:22px 0 0;
border-radius:0 8px 8px 0;overflow-wrap:anywhere}.smr .note p{margin:3px 0}
.smr .chosen{margin:14px 0 0;padding:0;display:flex;flex-wrap:wrap;gap:8px;list-style:none}
.smr .chosen li{border:1px solid var(--line);border-radius:8px;padding:3px 11px;overflow-wrap:anywhere}
.smr .chosen span{color:var(--soft);margin-right:7px}
.smr figure{margin:0}
.smr svg{display:block;width:100%;height:auto;overflow:visible}
.smr .narrow{display:none}
.smr .multiples{display:grid;grid-template-columns:repeat(auto-fill,minmax(235px,1fr));gap:22px 20px}
.smr svg text{fill:var(--soft);font-size:11.5px;font-variant-numeric:tabular-nums}
.smr svg .title{fill:var(--ink);font-weight:600}
.smr svg .inside{fill:var(--ink)}
.smr svg .grid{stroke:var(--line);fill:none}.smr svg .axis{stroke:var(--quiet);fill:none}
.smr svg .so-far{stroke:var(--best);stroke-width:2;fill:none;stroke-linejoin:round}
.smr .mark.done{fill:var(--point);fill-opacity:.78}
.smr .mark.stopped,.smr .mark.running{fill:var(--paper);stroke:var(--point);stroke-width:1.8}
.smr .mark.running{stroke:var(--quiet);stroke-dasharray:2.2 1.6}
.smr .mark.failed{stroke:var(--bad);stroke-width:2.4;fill:none;stroke-linecap:round}
.smr .mark.without{fill:var(--paper);stroke:var(--quiet);stroke-width:1.8}
.smr .mark.best{fill:var(--best);stroke:var(--paper);stroke-width:1}
.smr .mark.beyond{fill:none;stroke:var(--point);stroke-width:1.8}
.smr .of-1{--point:#cc79a7}.smr .of-2{--point:#2a9d6f}.smr .of-3{--point:#8f7ee7}.smr .of-4{--point:#a0783c}
.smr .mark.down path{transform:rotate(180deg)}
.smr .bar{fill:var(--point);fill-opacity:.85}.smr .bar.Training{fill:var(--good)}.smr .bar.failed{fill:var(--bad)}
.smr .legend{display:flex;flex-wrap:wrap;gap:4px 18px;color:var(--soft);font-size:13px;margin:8px 0 0}
.smr .legend svg{display:inline-block;width:18px;height:18px;vertical-align:-4px;margin-right:4px}
.smr .scroll{overflow-x:auto;border:1px solid var(--line);border-radius:10px}
.smr table{border-collapse:collapse;width:100%;font-size:13px;color:inherit}
.smr th,.smr td{padding:7px 8px;text-align:left;vertical-align:top;border-bottom:1px solid var(--line)}
.smr thead th{background:var(--card);color:var(--soft);font-weight:600;vertical-align:bottom}
.smr tbody tr:last-child>*{border-bottom:0}
.smr td.number,.smr th.number{text-align:right;font-variant-numeric:tabular-nums}
.smr tr.best>*{background:var(--tint);font-weight:600}
.smr tbody tr.explained>*{border-bottom:0}
.smr td.failed,.smr tr.reason{color:var(--bad)}
.smr tr.reason td{padding-top:0;font-size:13px}
.smr tr.reason div{position:sticky;left:11px;max-width:calc(min(100vw,1120px) - 72px);overflow-wrap:anywhere;
white-space:pre-wrap}
.smr .facts th{width:1%;white-space:nowrap;color:var(--soft);font-weight:400}
.smr .facts td{white-space:normal;overflow-wrap:anywhere}
.smr code,.smr pre{font:13px/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,"Liberation Mono",monospace}
.smr pre{background:var(--card);border-radius:10px;padding:12px 16px;margin:0;overflow-x:auto;white-space:pre-wrap;
overflow-wrap:anywhere}
.smr a{color:var(--point)}
.smr .meter{height:8px;border-radius:4px;background:var(--line);overflow:hidden;display:flex;
margin:8px 0;max-width:560px}
.smr .meter i{display:block;height:100%;background:var(--point)}
.smr .meter i.failed{background:var(--bad)}.smr .meter i.stopped{background:var(--quiet)}
@media(max-width:900px){.smr .tile b{font-size:18px}}
@media(max-width:640px){.smr{padding:18px 14px 32px}.smr h1{font-size:20px}
.smr .tile{flex-basis:40%}.smr .tile.lead{flex-basis:100%}
.smr .wide{display:none}.smr .narrow{display:block}.smr .multiples{grid-template-columns:1fr}
.smr .multiples svg text{font-size:9.5px}.smr .facts th{white-space:normal;min-width:104px}}
"""
COLOURS = 5
"""How many colours the style has for definitions."""

_BACKDROP = "html{color-scheme:light dark;background:#fff}body{margin:0}"
_BACKDROP_DARK = "@media(prefers-color-scheme:dark){html{background:#12171f}}"


def page(title: str, *parts: str) -> str:
    """A whole HTML document."""
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_BACKDROP}{_BACKDROP_DARK}</style></head>"
        f"<body>{fragment('page', *parts)}</body></html>\n"
    )


def fragment(css: str, *parts: str) -> str:
    """The same inside a page of somebody else; ``css`` is ``page`` or, for little room, ``cell``."""
    return f'<style>{STYLE}</style><main class="smr {css}">{"".join(parts)}</main>'


def element(tag: str, content: str, css: str = "") -> str:
    """An element around what is HTML already."""
    return f'<{tag} class="{css}">{content}</{tag}>' if css else f"<{tag}>{content}</{tag}>"


def section(title: str, content: str) -> str:
    """A titled part; nothing at all where there is no content."""
    return f"<section><h2>{escape(title)}</h2>{content}</section>" if content else ""


def tile(value: str, words: str, css: str = "") -> str:
    """One figure and what it is."""
    return f'<div class="tile {css}"><b>{escape(value)}</b><span>{escape(words)}</span></div>'


def chosen(values: Mapping[str, str]) -> str:
    """Names with their values, side by side."""
    items = (f"<li><span>{escape(name)}</span>{escape(value)}</li>" for name, value in values.items())
    return f'<ul class="chosen">{"".join(items)}</ul>' if values else ""


def facts(values: Mapping[str, str]) -> str:
    """A table of two columns, of which the values are HTML already; empty ones are left out."""
    rows = (f"<tr><th>{escape(name)}</th><td>{value}</td></tr>" for name, value in values.items() if value)
    body = "".join(rows)
    return f'<div class="scroll"><table class="facts"><tbody>{body}</tbody></table></div>' if body else ""


def table(columns: Sequence[tuple[str, str]], rows: Iterable[str]) -> str:
    """A table of finished rows under ``(title, css)`` columns; empty where it has no rows."""
    head = "".join(f'<th class="{css}">{_breakable(title)}</th>' for title, css in columns)
    body = "".join(rows)
    shown = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    return f'<div class="scroll">{shown}</div>' if body else ""


def _breakable(title: str) -> str:
    """A title that may go on in the next line where one of its words ends."""
    return "".join(escape(letter) + "<wbr>" * (letter in "_:-.") for letter in title)


def anchor(label: str, url: str) -> str:
    """A link, if the URL is one that a report may point to: http or https; otherwise the URL as text."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return f"{escape(label)}: {escape(url)}"
    if parts.scheme not in ("http", "https") or not parts.netloc:
        return f"{escape(label)}: {escape(url)}"
    return f'<a href="{escape(url)}" target="_blank" rel="noopener noreferrer">{escape(label)}</a>'
