"""The look of the page: light and dark, and no wider than a phone."""

from __future__ import annotations

CSS = """\
:root { color-scheme: light dark; --text: #1c2430; --soft: #5d6b7e; --page: #f6f7f9; --card: #fff; --edge: #dde2e9;
  --good: #17803d; --bad: #c22b2b; --unsure: #a76500; --skip: #5d6b7e; --band: #e6483d2b;
  --p50: #2f6fdb; --p95: #8a4fd3; --p99: #d1478f; --rate: #17803d; --errors: #c22b2b;
  --s0: #2f6fdb; --s1: #17803d; --s2: #d1478f; --s3: #a76500; --s4: #8a4fd3; --s5: #0b8793 }
@media (prefers-color-scheme: dark) { :root { --text: #e4e9f1; --soft: #98a6b9; --page: #12161d; --card: #1a2029;
  --edge: #2d3643; --good: #56c27d; --bad: #ff7b72; --unsure: #e3a94b; --skip: #98a6b9; --band: #ff7b7233;
  --p50: #74a7ff; --p95: #bd93f9; --p99: #ff86c2; --rate: #56c27d; --errors: #ff7b72;
  --s0: #74a7ff; --s1: #56c27d; --s2: #ff86c2; --s3: #e3a94b; --s4: #bd93f9; --s5: #5cc8d4 } }
* { box-sizing: border-box }
body { margin: 0 auto; padding: 1rem; max-width: 60rem; background: var(--page); color: var(--text);
  font: 15px/1.5 system-ui, sans-serif }
h1 { font-size: 1.4rem; margin: .3rem 0 } h2 { font-size: 1.1rem; margin: 1.6rem 0 .5rem }
p { margin: .4rem 0 } .soft, .about { color: var(--soft) } .about { font-size: .85rem; overflow-wrap: anywhere }
.counts b { font-size: 1.5rem; margin-right: .2rem } .counts span { margin-right: 1.2rem; white-space: nowrap }
.passed, .met { color: var(--good) } .failed, .missed { color: var(--bad) } .inconclusive { color: var(--unsure) }
.skipped { color: var(--skip) }
.test { background: var(--card); border: 1px solid var(--edge); border-radius: .6rem; margin: .6rem 0;
  padding: .2rem .9rem; overflow-wrap: anywhere }
details.test > summary { cursor: pointer; padding: .5rem 0; overflow-wrap: anywhere }
summary .took { color: var(--soft); font-size: .85rem; float: right; margin-left: .6rem }
.scroll { overflow-x: auto } table { border-collapse: collapse; font-size: .88rem; margin: .4rem 0; min-width: 50% }
th, td { text-align: left; padding: .25rem .7rem .25rem 0; border-bottom: 1px solid var(--edge); vertical-align: top }
a { color: var(--p50) } ol { margin: .4rem 0; padding-left: 1.4rem }
th { color: var(--soft); font-weight: 600 } td.cell { text-align: center } th, td > b { white-space: nowrap }
pre { overflow-x: auto; background: var(--page); border: 1px solid var(--edge); border-radius: .4rem; padding: .6rem;
  font-size: .8rem }
code { overflow-wrap: anywhere } svg { width: 100%; height: auto; display: block }
svg .band { fill: var(--band) } svg .grid { stroke: var(--edge) }
svg text { fill: var(--soft); font: 11px system-ui, sans-serif } svg .tick { text-anchor: end }
svg .moment { text-anchor: middle }
svg polyline { fill: none; stroke-width: 1.7; stroke-linejoin: round } svg .p50 { stroke: var(--p50) }
svg .p95 { stroke: var(--p95) } svg .p99 { stroke: var(--p99) } svg .rate { stroke: var(--rate) }
svg .errors { stroke: var(--errors) } svg .core { fill: var(--band) }
svg .s0 { stroke: var(--s0) } svg .s1 { stroke: var(--s1) } svg .s2 { stroke: var(--s2) }
svg .s3 { stroke: var(--s3) } svg .s4 { stroke: var(--s4) } svg .s5 { stroke: var(--s5) }
.key { font-size: .8rem; color: var(--soft); margin: .6rem 0 0 } .key i { font-style: normal; margin-right: .9rem }
.key i::before { content: ""; display: inline-block; width: 1rem; height: .2rem; margin-right: .3rem;
  vertical-align: middle; background: currentColor }
.key .p50 { color: var(--p50) } .key .p95 { color: var(--p95) } .key .p99 { color: var(--p99) }
.key .rate { color: var(--rate) } .key .s0 { color: var(--s0) } .key .s1 { color: var(--s1) }
.key .s2 { color: var(--s2) } .key .s3 { color: var(--s3) } .key .s4 { color: var(--s4) }
.key .s5 { color: var(--s5) } .key i { white-space: nowrap }
.key .fault { color: var(--bad); opacity: .6 }
"""
