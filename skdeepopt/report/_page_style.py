"""The style of a page: for screens of any width, by day and by night, and for paper."""

from __future__ import annotations

__all__ = ["STYLE"]

# Blue and vermilion as in the charts (Okabe & Ito, 2008), lighter where the ground is dark. Text
# on its ground has a contrast of at least 4.5 to 1 in both.
STYLE = """
:root{color-scheme:light dark;--ground:#fff;--sheet:#f5f6f8;--ink:#1b1f24;--quiet:#5a6270;
--line:#d9dde3;--blue:#005e99;--red:#b34700}
@media(prefers-color-scheme:dark){:root{--ground:#14171b;--sheet:#1e2329;--ink:#e8eaed;
--quiet:#a3abb8;--line:#3a414b;--blue:#6cc0f5;--red:#ff9a57}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0 auto;padding:1.5rem 1rem 4rem;max-width:66rem;background:var(--ground);
color:var(--ink);font:1rem/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif;
overflow-wrap:anywhere}
h1{font-size:1.75rem;line-height:1.2;margin:.5rem 0}
h2{font-size:1.25rem;margin:2.5rem 0 .75rem;padding-top:.75rem;border-top:1px solid var(--line)}
h3{font-size:1rem;margin:1rem 0 .4rem}
p,li,dd{max-width:46rem}
.lede{font-size:1.15rem}
.quiet,.spread,.recipe{color:var(--quiet);font-size:.875rem}
.unseen{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
.terms{margin:0;display:grid;gap:.5rem 2rem;
grid-template-columns:repeat(auto-fit,minmax(17rem,1fr))}
.terms dt{font-weight:600}
.terms dd{margin:0}
.cards{display:grid;gap:1rem;grid-template-columns:repeat(auto-fit,minmax(14rem,1fr))}
.card{background:var(--sheet);border:1px solid var(--line);border-radius:.5rem;padding:1rem}
.card h3{margin:0;color:var(--quiet);font-weight:600}
.card .now{font-size:2rem;line-height:1.2;font-weight:700;margin:.3rem 0 0}
.card .change{font-weight:600;color:var(--blue);margin:.1rem 0 .6rem}
.card .change.worse{color:var(--red)}
.card .quiet{margin:.4rem 0 0}
table{border-collapse:collapse;width:100%;font-size:.9375rem}
caption{text-align:left;color:var(--quiet);padding:.25rem 0}
th,td{text-align:left;vertical-align:top;padding:.4rem .75rem .4rem 0;
border-bottom:1px solid var(--line)}
thead th{color:var(--quiet);font-weight:600;overflow-wrap:normal}
tbody th{font-weight:600}
.number{white-space:nowrap;font-variant-numeric:tabular-nums}
.two th,.two td{border:0;padding:.1rem .5rem .1rem 0;font-weight:400;white-space:nowrap;
font-variant-numeric:tabular-nums}
.two th{width:3.8rem}
.two .spread{display:block}
.wide{overflow-x:auto}
.facts th{width:13rem;font-weight:400;color:var(--quiet)}
.recipe{display:block;font-weight:400;max-width:26rem}
tr.chosen>*{background:var(--sheet)}
.badge{display:inline-block;border:1px solid currentColor;border-radius:1rem;padding:0 .5rem;
font-size:.75rem;line-height:1.4;font-weight:600;color:var(--quiet);white-space:nowrap}
.badge.chosen{color:var(--red)}
.badge.front{color:var(--blue)}
pre{background:var(--sheet);border:1px solid var(--line);border-radius:.5rem;padding:.75rem 1rem;
overflow-x:auto;overflow-wrap:normal}
code{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;
font-size:.9em}
.labels,.keys{list-style:none;padding:0;display:flex;flex-wrap:wrap;gap:.25rem 1.5rem;
margin:.5rem 0}
figure{margin:0}
.panels{display:grid;gap:1.5rem;grid-template-columns:repeat(auto-fit,minmax(min(21rem,100%),1fr))}
.chart{width:100%;height:auto;font-size:13px}
.chart text{fill:var(--ink)}
.chart text.quiet{fill:var(--quiet);font-size:12px}
.chart text.label{font-weight:600;paint-order:stroke;stroke:var(--ground);stroke-width:3px}
.grid{stroke:var(--line);stroke-width:1}
.limit{stroke:var(--quiet);stroke-width:1.5;stroke-dasharray:5 4}
.front-line{fill:none;stroke:var(--blue);stroke-width:1.5;opacity:.6}
.key{width:1.1rem;height:1.1rem;vertical-align:-.2rem}
.mark{stroke:var(--ground);stroke-width:1}
.mark.other{fill:var(--quiet);opacity:.75}
.mark.front{fill:var(--blue)}
.mark.reference{fill:var(--ink)}
.mark.chosen{fill:none;stroke:var(--red);stroke-width:2.5}
.mark.core{fill:var(--red)}
figcaption{color:var(--quiet);font-size:.9375rem}
@media screen and (max-width:44rem){
.all,.all tbody,.all tr,.all th,.all td{display:block}
.all thead{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
.all caption{display:block}
.all tr{padding:.75rem 0;border-bottom:1px solid var(--line)}
.all th,.all td{border:0;padding:.1rem .5rem}
.all td::before{content:attr(data-title) ": ";color:var(--quiet)}
.facts th{width:auto}
}
@media print{
:root{color-scheme:light;--ground:#fff;--sheet:#fff;--ink:#000;--quiet:#444;--line:#bbb;
--blue:#005e99;--red:#b34700}
html{font-size:12.5px}
body{max-width:none;padding:0}
h2,h3,caption{break-after:avoid}
.card,tr,figure,pre,.terms div{break-inside:avoid}
thead{display:table-header-group}
.wide,pre{overflow:visible}
pre{white-space:pre-wrap}
.cards{grid-template-columns:repeat(4,1fr);gap:.5rem}
.card{padding:.6rem}
.card .now{font-size:1.5rem}
h2{margin-top:1.5rem}
.mark,.limit,.front-line{print-color-adjust:exact;-webkit-print-color-adjust:exact}
@page{margin:16mm}
}
""".strip()
