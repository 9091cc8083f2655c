/** The looks of the page: no file beside it, no font from elsewhere, the colours of the reader's choice, any width from a phone's. */
export const STYLE = `
:root {
  color-scheme: light dark;
  --page: #f5f6f8; --card: #ffffff; --line: #e3e6eb; --text: #1c2128; --soft: #5d6673; --faint: #8b94a1; --code: #f1f3f6;
  --completed: #2f9e63; --failed: #d5433e; --retry: #e09a1a; --given-back: #8596ab; --died: #8a5cd6; --running: #2f7fd6;
  --pending: #c3cad4; --pause: #e09a1a; --asked: #c2378f; --accent: #3b6fd4; --shadow: 0 1px 2px rgb(20 30 50 / 6%);
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #0e1116; --card: #161b22; --line: #262d37; --text: #e3e8ef; --soft: #9aa5b3; --faint: #6d7886; --code: #0f141a;
    --completed: #3fb573; --failed: #ec6660; --retry: #e6ad45; --given-back: #7385a0; --died: #a680ea; --running: #5aa2f0;
    --pending: #3b4553; --pause: #e6ad45; --asked: #f08cc8; --accent: #7fa7f5; --shadow: none;
  }
}
* { box-sizing: border-box; }
html { scroll-behavior: smooth; -webkit-text-size-adjust: 100%; }
body {
  margin: 0; background: var(--page); color: var(--text);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Liberation Sans", sans-serif;
}
main { max-width: 1120px; margin: 0 auto; padding: 32px 24px 64px; }
a { color: var(--accent); text-decoration: none; }
a:hover { text-decoration: underline; }
code, pre, .name { font-family: ui-monospace, "SF Mono", SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", "Liberation Mono", monospace; }
header p { margin: 0; color: var(--soft); }
header .kicker { font-size: 13px; letter-spacing: .02em; color: var(--faint); }
h1 { margin: 2px 0 4px; font-size: 26px; line-height: 1.25; font-weight: 650; overflow-wrap: anywhere; }
h2 { margin: 0 0 12px; font-size: 16px; font-weight: 620; }
h2 small { margin-left: 6px; font-size: 13px; font-weight: 400; color: var(--faint); }
section { margin-top: 20px; padding: 20px; background: var(--card); border: 1px solid var(--line); border-radius: 12px; box-shadow: var(--shadow); }
.notice { margin: 16px 0 0; padding: 10px 14px; border-left: 3px solid var(--pause); border-radius: 0 8px 8px 0; background: var(--card); overflow-wrap: anywhere; }
svg { display: block; width: 100%; overflow: hidden; }
.quiet { color: var(--faint); }

.shares { height: 10px; margin-top: 20px; border-radius: 5px; background: var(--line); }
.legend { display: flex; flex-wrap: wrap; gap: 4px 18px; margin: 10px 0 0; padding: 0; list-style: none; font-size: 13px; color: var(--soft); }
.legend i { display: inline-block; width: 9px; height: 9px; margin-right: 6px; border-radius: 3px; }
.legend b { color: var(--text); font-weight: 600; }

.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(160px, 1fr)); gap: 12px; margin-top: 20px; }
.tile { padding: 14px 16px; background: var(--card); border: 1px solid var(--line); border-radius: 12px; box-shadow: var(--shadow); }
.tile dt { font-size: 13px; color: var(--soft); }
.tile dd { margin: 0; }
.tile .value { font-size: 26px; line-height: 1.3; font-weight: 620; font-variant-numeric: tabular-nums; letter-spacing: -.01em; }
.tile .detail { font-size: 12.5px; line-height: 1.4; color: var(--faint); }
.tile.completed .value { color: var(--completed); }
.tile.failed .value { color: var(--failed); }

.f-completed { fill: var(--completed); } .f-failed { fill: var(--failed); } .f-retry { fill: var(--retry); }
.f-given-back { fill: var(--given-back); } .f-died { fill: var(--died); } .f-running, .f-in-progress { fill: var(--running); }
.f-pending { fill: var(--pending); }
.b-completed { background: var(--completed); } .b-failed { background: var(--failed); } .b-retry { background: var(--retry); }
.b-given-back { background: var(--given-back); } .b-died { background: var(--died); } .b-running, .b-in-progress { background: var(--running); }
.b-pending { background: var(--pending); } .b-pause { background: var(--pause); opacity: .35; }
.b-asked { background: var(--asked); }
.b-gap { background: var(--page); outline: 1px dotted var(--faint); }

.plot { position: relative; }
.lane { position: relative; padding: 7px 0 8px; border-top: 1px solid var(--line); pointer-events: none; }
.lane a { pointer-events: auto; }
.lane p { margin: 0 0 4px; font-size: 12.5px; line-height: 1.4; color: var(--faint); white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
.lane b { color: var(--soft); font-weight: 600; }
.lane a:hover rect, .lane a:focus rect { opacity: .65; }
.behind { position: absolute; inset: 0; height: 100%; }
.pause { fill: var(--pause); opacity: .16; }
.asked { fill: var(--asked); }
.gap { fill: var(--page); }
.gap-line { stroke: var(--faint); stroke-dasharray: 2 3; }
.axis { height: 20px; }
.axis text { fill: var(--faint); font-size: 12px; }
.axis line { stroke: var(--line); }
.tokens { position: relative; height: 120px; margin-top: 4px; border-bottom: 1px solid var(--line); }
.tokens svg { height: 100%; }
.tokens .scale { position: absolute; left: 0; padding: 0 4px; font-size: 12px; line-height: 1; color: var(--faint); background: var(--card); }
.tokens .top { top: 0; } .tokens .half { top: 50%; }
.all { fill: var(--accent); opacity: .35; }
.cached { fill: var(--accent); opacity: .35; }
.grid { stroke: var(--line); }

.columns { display: grid; grid-template-columns: repeat(auto-fit, minmax(300px, 1fr)); gap: 20px; margin-top: 20px; }
.columns > section { margin-top: 0; }
.rows { margin: 0; padding: 0; list-style: none; font-size: 13px; }
.rows > li { display: grid; grid-template-columns: 5.5em 1fr 3.5em; gap: 10px; align-items: center; padding: 3px 0; }
.rows.wide > li { grid-template-columns: 1fr auto; align-items: baseline; }
.rows .count { text-align: right; font-variant-numeric: tabular-nums; color: var(--soft); }
.rows svg { height: 10px; border-radius: 3px; }
.rows span { overflow-wrap: anywhere; }

.reason { padding: 12px 0; border-top: 1px solid var(--line); }
.reason:first-of-type { border-top: 0; padding-top: 0; }
.reason .head { display: flex; gap: 12px; align-items: baseline; }
.reason .count { flex: none; min-width: 2.2em; font-size: 20px; font-weight: 620; color: var(--failed); font-variant-numeric: tabular-nums; }
.reason .said { overflow-wrap: anywhere; }
.reason .example { margin: 2px 0 0; font-size: 13px; color: var(--faint); overflow-wrap: anywhere; }
.reason svg { height: 4px; margin: 8px 0; border-radius: 2px; background: var(--line); }
.reason details { font-size: 13px; }
.reason ul { display: flex; flex-wrap: wrap; gap: 2px 16px; margin: 6px 0 0; padding: 0; list-style: none; }
.reason li { overflow-wrap: anywhere; }
summary { cursor: pointer; }

.tools { display: flex; flex-wrap: wrap; gap: 8px; margin-bottom: 12px; }
.tools[hidden] { display: none; }
.tools input, .tools select, .tools button { font: inherit; font-size: 14px; color: inherit; padding: 6px 10px; border: 1px solid var(--line); border-radius: 8px; background: var(--page); }
.tools input { flex: 1 1 180px; min-width: 0; }
.tools button { cursor: pointer; }
.tools button[aria-pressed="true"] { border-color: var(--accent); color: var(--accent); }
.tools :focus-visible, summary:focus-visible, a:focus-visible { outline: 2px solid var(--accent); outline-offset: 1px; }
.task { border-top: 1px solid var(--line); content-visibility: auto; contain-intrinsic-size: auto 41px; }
.task[hidden] { display: none; }
.task > summary { display: flex; gap: 10px; align-items: baseline; padding: 8px 2px; list-style: none; }
.task > summary::-webkit-details-marker { display: none; }
.task > summary:hover { background: var(--page); }
.task .dot { flex: none; width: 9px; height: 9px; border-radius: 50%; align-self: center; }
.task .name { flex: 1 1 auto; min-width: 0; font-size: 13.5px; overflow-wrap: anywhere; }
.task .facts { flex: none; font-size: 12.5px; color: var(--faint); font-variant-numeric: tabular-nums; }
.task .body { padding: 2px 0 16px 19px; font-size: 13.5px; }
.task .body > p { margin: 4px 0 10px; overflow-wrap: anywhere; }
.task:target > summary { background: var(--page); box-shadow: inset 3px 0 var(--accent); }
table { width: 100%; margin: 0 0 10px; border-collapse: collapse; font-size: 12.5px; color: var(--soft); }
td { padding: 2px 12px 2px 0; vertical-align: baseline; overflow-wrap: anywhere; }
td:nth-child(1), td:nth-child(4) { white-space: nowrap; }
td i { display: inline-block; width: 8px; height: 8px; margin-right: 7px; border-radius: 50%; }
pre { margin: 0 0 10px; padding: 10px 12px; max-height: 340px; overflow: auto; font-size: 12px; line-height: 1.45; white-space: pre-wrap; overflow-wrap: anywhere; background: var(--code); border: 1px solid var(--line); border-radius: 8px; }
.questions td:nth-child(1) { width: 10em; }
.questions details { display: inline; }
.questions summary { display: inline; color: var(--accent); }
.questions pre { margin-top: 6px; max-height: 200px; }
.commands { display: grid; grid-template-columns: max-content 1fr; gap: 4px 12px; margin: 0; font-size: 12.5px; }
.commands dt { color: var(--faint); }
.commands dd { margin: 0; min-width: 0; }
.commands code { overflow-wrap: anywhere; user-select: all; }
footer { margin-top: 24px; font-size: 12.5px; color: var(--faint); }

@media (max-width: 640px) {
  main { padding: 20px 14px 48px; }
  section { padding: 16px 14px; }
  .tiles { grid-template-columns: 1fr 1fr; gap: 10px; }
  .tile { padding: 12px 14px; }
  .tile .value { font-size: 22px; }
  .columns { grid-template-columns: 1fr; }
  .minor { display: none; }
  h2 small { display: block; margin: 2px 0 0; }
  td:nth-child(n + 5) { display: none; }
  .questions td { display: block; padding: 0; }
  .questions tr { display: block; margin-bottom: 8px; }
  .task > summary { flex-wrap: wrap; row-gap: 0; }
  .task .name { flex-basis: calc(100% - 40px); }
  .task .facts { margin-left: 19px; }
  .task .body { padding-left: 4px; }
  .commands { grid-template-columns: 1fr; gap: 0; }
  .commands dd { margin-bottom: 8px; }
}
@media print {
  body { background: none; } section, .tile { box-shadow: none; } .tools { display: none; } pre { max-height: none; }
}
`;
