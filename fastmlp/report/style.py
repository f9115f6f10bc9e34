"""How the report looks: light and dark, wide and narrow, on paper."""

from fastmlp.curves import BLUE, ORANGE

STYLE = f"""
:root {{
  color-scheme: light dark;
  --page: #ffffff; --panel: #f5f7fa; --text: #1b2430; --quiet: #596577; --line: #dfe4ea; --strong: #1d62ab;
  --shadow: rgb(20 30 45 / 0.16);
  --blue: {BLUE}; --orange: {ORANGE}; --blue-parts: 61 133 209;
}}
@media (prefers-color-scheme: dark) {{
  :root {{
    --page: #12161c; --panel: #1b212a; --text: #e7ebf0; --quiet: #9daab9; --line: #2d3641; --strong: #7db6f0;
    --shadow: rgb(0 0 0 / 0.65);
  }}
}}
* {{ box-sizing: border-box; }}
html {{ -webkit-text-size-adjust: 100%; scroll-behavior: smooth; }}
body {{
  margin: 0; background: var(--page); color: var(--text);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
}}
body > * {{ max-width: 60rem; margin-inline: auto; padding-inline: 1.5rem; }}
header {{ padding-top: 3rem; }}
header h2 {{ font-size: 1rem; margin: 1.5rem 0 0.25rem; }}
h1, h2, h3 {{ line-height: 1.25; font-weight: 650; overflow-wrap: anywhere; text-wrap: balance; }}
h1 {{ font-size: clamp(1.6rem, 1.1rem + 2.2vw, 2.4rem); letter-spacing: -0.02em; margin: 0 0 0.5rem; }}
h2 {{ font-size: 1.35rem; letter-spacing: -0.01em; margin: 0 0 0.75rem; }}
h3 {{ font-size: 1rem; margin: 2rem 0 0.5rem; }}
p {{ margin: 0.5rem 0; max-width: 44rem; overflow-wrap: anywhere; }}
ul {{ margin: 0.5rem 0; padding-left: 1.2rem; max-width: 44rem; overflow-wrap: anywhere; }}
a {{ color: var(--strong); }}
.lead {{ font-size: 1.1rem; color: var(--quiet); }}
.quiet {{ color: var(--quiet); font-size: 0.875rem; }}
.block {{ display: block; }}
nav ul {{
  display: flex; flex-wrap: wrap; gap: 0.25rem 1.25rem; list-style: none; max-width: none; margin: 1.75rem 0 0;
  padding: 0.75rem 0; border-block: 1px solid var(--line); font-size: 0.9rem;
}}
nav a {{ text-decoration: none; }}
nav a:hover {{ text-decoration: underline; }}
section {{ padding-block: 2.25rem; }}
section + section > h2 {{ padding-top: 2.25rem; margin-top: -2.25rem; border-top: 1px solid var(--line); }}
footer {{ padding-block: 1rem 3rem; }}

.tiles {{
  display: grid; grid-template-columns: repeat(auto-fit, minmax(10rem, 1fr)); gap: 0.75rem; margin: 1.75rem 0 1.25rem;
}}
.tile {{ background: var(--panel); border-radius: 10px; padding: 0.9rem 1.1rem 1rem; min-width: 0; }}
.tile dt {{ color: var(--quiet); font-size: 0.85rem; }}
.tile dt, .tile dd {{ margin: 0; overflow-wrap: anywhere; }}
.tile .value {{ font-size: 1.75rem; font-weight: 650; letter-spacing: -0.02em; line-height: 1.3; }}
.tile .note {{ color: var(--quiet); font-size: 0.85rem; }}
.tile.score .value {{ color: var(--strong); }}
.tile.constant dt::before {{
  content: ""; display: inline-block; width: 3px; height: 0.8em; margin-right: 0.45em; border-radius: 2px;
  background: var(--orange);
}}
.scale, .bar {{ position: relative; height: 8px; border-radius: 4px; background: var(--line); }}
.scale {{ margin: 0.4rem 0 0.5rem; }}
.scale .fill, .bar .fill {{ position: absolute; inset: 0 auto 0 0; border-radius: 4px; background: var(--blue); }}
.scale .mark {{
  position: absolute; top: -4px; bottom: -4px; width: 3px; margin-left: -1px; border-radius: 2px;
  background: var(--orange);
}}
.bar {{ height: 10px; min-width: 7rem; margin-top: 0.4em; background: none; }}
.bar .fill {{ border-radius: 2px; }}
.bar .whisker {{ position: absolute; top: 4px; height: 2px; min-width: 2px; background: var(--text); opacity: 0.6; }}

/* shadows at the edges say that there is more; covers that move with the content hide them at its ends */
.wide {{
  overflow-x: auto; margin: 1rem 0; background:
    linear-gradient(to right, var(--page) 50%, transparent) left / 2.5rem 100% no-repeat local,
    linear-gradient(to left, var(--page) 50%, transparent) right / 2.5rem 100% no-repeat local,
    linear-gradient(to right, var(--shadow), transparent) left / 0.9rem 100% no-repeat scroll,
    linear-gradient(to left, var(--shadow), transparent) right / 0.9rem 100% no-repeat scroll;
}}
.wide:focus-visible, a:focus-visible {{ outline: 2px solid var(--blue); outline-offset: 3px; border-radius: 3px; }}
table {{ border-collapse: collapse; font-size: 0.9rem; font-variant-numeric: tabular-nums; min-width: 50%; }}
caption {{ position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }}
th, td {{
  text-align: left; vertical-align: top; padding: 0.45rem 1.1rem 0.45rem 0; border-bottom: 1px solid var(--line);
  unicode-bidi: isolate;
}}
thead th {{ color: var(--quiet); font-weight: 500; font-size: 0.825rem; vertical-align: bottom; }}
thead td {{ border-bottom: none; }}
thead th[scope=colgroup] {{ text-align: center; color: var(--text); padding-bottom: 0.2rem; }}
th > div {{ max-width: 14rem; overflow-wrap: break-word; }}
th.number > div {{ margin-left: auto; }}
tbody th, tfoot th {{ font-weight: 600; }}
tfoot th, tfoot td {{ color: var(--quiet); font-weight: 500; }}
tr > :last-child {{ padding-right: 0; }}
.number {{ text-align: right; white-space: nowrap; }}
thead .number {{ white-space: normal; }}
td .quiet {{ max-width: 18rem; min-width: 8rem; }}
.chip {{
  font-size: 0.72rem; font-weight: 600; padding: 0.1rem 0.5rem; border-radius: 99px; white-space: nowrap;
  color: var(--strong); background: rgb(var(--blue-parts) / 0.16);
}}
.values {{ display: flex; align-items: flex-start; gap: 0.9rem; min-width: 21rem; }}
.values span {{ overflow-wrap: anywhere; }}
.spark {{
  flex: none; display: flex; align-items: flex-end; gap: 1px; width: 96px; height: 22px;
  border-bottom: 1px solid var(--line);
}}
.spark span {{ flex: 1; background: var(--blue); }}

.matrix table {{ min-width: 0; }}
.matrix th, .matrix td {{ padding: 2px; border: none; }}
.matrix thead th {{ padding: 2px 6px; text-align: center; }}
.matrix thead th > div {{ max-width: 7rem; margin-inline: auto; }}
.matrix thead th:first-child {{ text-align: left; padding-left: 0; }}
.matrix thead th:first-child > div {{ margin: 0; }}
.matrix tbody th {{ padding-right: 0.9rem; vertical-align: middle; }}
.matrix td:last-child {{ padding-left: 0.9rem; vertical-align: middle; color: var(--quiet); }}
.cell {{
  display: block; min-width: 4.2rem; padding: 0.6rem 0.5rem; text-align: center; border-radius: 5px;
  background: linear-gradient(rgb(var(--blue-parts) / var(--strength)) 0 0) var(--panel);
}}
.cell.none {{ color: var(--quiet); }}
.charts {{ display: flex; flex-wrap: wrap; gap: 1.5rem; margin: 1rem 0; }}
.chart {{ flex: 1 1 17.5rem; min-width: 0; max-width: 27rem; stroke-linejoin: round; }}
.facts {{
  display: grid; grid-template-columns: repeat(auto-fill, minmax(9rem, 1fr)); gap: 0.75rem 1.5rem; margin: 1.25rem 0;
}}
.facts dt {{ color: var(--quiet); font-size: 0.825rem; }}
.facts dd {{ margin: 0; overflow-wrap: anywhere; }}
pre {{
  background: var(--panel); border-radius: 8px; padding: 0.8rem 1rem; margin: 0.4rem 0 1.1rem; overflow-x: auto;
  font: 0.875rem/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace;
}}
@media (max-width: 34rem) {{
  body > * {{ padding-inline: 1rem; }}
  header {{ padding-top: 1.5rem; }}
  section {{ padding-block: 1.5rem; }}
  section + section > h2 {{ padding-top: 1.5rem; margin-top: -1.5rem; }}
  .tiles {{ grid-template-columns: repeat(3, 1fr); gap: 0.5rem; }}
  .tile {{ padding: 0.7rem 0.65rem; }}
  .tile .value {{ font-size: 1.1rem; }}
  .values {{ min-width: 26rem; }}
  .tile.score {{ grid-column: 1 / -1; }}
  .tile.score .value {{ font-size: 1.75rem; }}
}}
@media print {{
  :root {{ --page: #ffffff; --panel: #f5f7fa; --text: #1b2430; --quiet: #596577; --line: #dfe4ea; --strong: #1d62ab; }}
  * {{ print-color-adjust: exact; -webkit-print-color-adjust: exact; }}
  html {{ font-size: 70%; }}
  body {{ font-size: 1rem; }}
  body > * {{ max-width: none; padding-inline: 0; }}
  nav {{ display: none; }}
  .wide {{ overflow: visible; background: none; }}
  pre {{ white-space: pre-wrap; overflow-wrap: anywhere; }}
  tr, svg, .tile, .cell, .charts {{ break-inside: avoid; }}
  h2, h3 {{ break-after: avoid; }}
}}
"""
