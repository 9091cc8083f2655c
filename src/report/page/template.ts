/**
 * The markup of the page, for eta: `<%= … %>` escapes what it puts there. The only texts that are placed as they are (`<%~ … %>`)
 * are our own style and script. No attribute holds a style, a handler or an address that was not made here.
 */
export const TEMPLATE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="<%= it.policy %>">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<meta name="robots" content="noindex">
<title><%= it.title %> · codex-worker report</title>
<style><%~ it.style %></style>
</head>
<body>
<main>
<header>
<p class="kicker">codex-worker report</p>
<h1><bdi><%= it.title %></bdi></h1>
<p><%= it.when %></p>
<% for (const notice of it.notices) { %><p class="notice"><%= notice %></p><% } %>
<svg class="shares" height="10" role="img" aria-label="How many tasks are in which state">
<% for (const { state, x, width } of it.shares) { %><rect class="f-<%= state %>" x="<%= x %>" width="<%= width %>" height="10"/><% } %>
</svg>
<ul class="legend">
<% for (const { state, word, count } of it.shares) { %><li><i class="b-<%= state %>"></i><b><%= count %></b> <%= word %></li><% } %>
</ul>
</header>

<dl class="tiles">
<% for (const { name, value, detail, state } of it.tiles) { %>
<div class="tile <%= state %>"><dt><%= name %></dt><dd class="value"><%= value %></dd><dd class="detail"><%= detail %></dd></div>
<% } %>
</dl>

<% if (it.timeline) { %>
<section>
<h2>Timeline <small>each run of codex-worker, each attempt</small></h2>
<div class="plot">
<svg class="behind">
<% for (const { x, width, title } of it.gaps) { %><rect class="gap" x="<%= x %>" width="<%= width %>" height="100%"><title><%= title %></title></rect><line class="gap-line" x1="<%= x %>" x2="<%= x %>" y2="100%"/><% } %>
<% for (const { x, width, title } of it.pauses) { %><rect class="pause" x="<%= x %>" width="<%= width %>" height="100%"><title><%= title %></title></rect><% } %>
</svg>
<% for (const lane of it.timeline.lanes) { %>
<div class="lane"><p><b><%= lane.name %></b> <%= lane.detail %></p>
<svg height="<%= lane.height %>">
<% for (const bar of lane.bars) { %><a href="#<%= bar.anchor %>"><rect class="f-<%= bar.outcome %>" x="<%= bar.x %>" y="<%= bar.y %>" width="<%= bar.width %>" height="<%= it.timeline.barHeight %>" rx="1.5"><title><%= bar.title %></title></rect></a><% } %>
<% for (const wait of lane.waits) { %><rect class="asked" x="<%= wait.x %>" y="<%= wait.y %>" width="<%= wait.width %>" height="<%= it.timeline.barHeight %>"><title><%= wait.title %></title></rect><% } %>
<% if (lane.shapes.length > 0) { %><svg viewBox="0 0 1000 <%= lane.height %>" preserveAspectRatio="none" width="100%" height="<%= lane.height %>"><% for (const { outcome, path } of lane.shapes) { %><path class="f-<%= outcome %>" d="<%= path %>"/><% } %></svg><% } %>
</svg></div>
<% } %>
</div>
<svg class="axis" height="20" aria-hidden="true">
<line x2="100%"/>
<% for (const { x, anchor, text, isMinor } of it.ticks) { %><text class="<%= isMinor ? 'minor' : '' %>" x="<%= x %>" y="15" text-anchor="<%= anchor %>"><%= text %></text><% } %>
</svg>
<ul class="legend">
<li><i class="b-completed"></i>completed</li><li><i class="b-retry"></i>failed, tried again</li><li><i class="b-failed"></i>failed</li><li><i class="b-given-back"></i>given back</li><li><i class="b-died"></i>its worker died</li><li><i class="b-running"></i>in progress</li><% if (it.pauses.length > 0) { %><li><i class="b-pause"></i>paused</li><% } %><% if (it.timeline.hasWaits) { %><li><i class="b-asked"></i>waited for a person</li><% } %><% if (it.gaps.length > 0) { %><li><i class="b-gap"></i>a long time without an attempt, cut out</li><% } %>
</ul>
<% if (it.timeline.lanesLeftOut > 0) { %><p class="quiet"><%= it.timeline.lanesLeftOut %> earlier runs are not drawn.</p><% } %>
</section>
<% } %>

<% if (it.tokens) { %>
<section>
<h2>Tokens <small>spent over the same time; the stronger colour was cached</small></h2>
<div class="tokens">
<svg viewBox="0 0 1000 100" preserveAspectRatio="none" role="img" aria-label="Tokens spent over time: <%= it.tokens.top %> in the end">
<line class="grid" x2="1000" y1="50" y2="50" vector-effect="non-scaling-stroke"/>
<path class="all" d="<%= it.tokens.all %>"/><path class="cached" d="<%= it.tokens.cached %>"/>
</svg>
<span class="scale top"><%= it.tokens.top %></span><span class="scale half"><%= it.tokens.half %></span>
</div>
<svg class="axis" height="20" aria-hidden="true">
<% for (const { x, anchor, text, isMinor } of it.ticks) { %><text class="<%= isMinor ? 'minor' : '' %>" x="<%= x %>" y="15" text-anchor="<%= anchor %>"><%= text %></text><% } %>
</svg>
</section>
<% } %>

<% if (it.failures.length > 0) { %>
<section>
<h2>Failures by reason <small>what differs from task to task is left out: … for names, # for numbers</small></h2>
<% for (const { reason, example, count, width, tasks, more } of it.failures) { %>
<div class="reason">
<div class="head"><span class="count"><%= count %></span><span class="said"><%= reason %></span></div>
<svg height="4" aria-hidden="true"><rect class="f-failed" width="<%= width %>" height="4"/></svg>
<% if (example) { %><p class="example">for example: <%= example %></p><% } %>
<details><summary class="quiet">which tasks</summary><ul>
<% for (const task of tasks) { %><li><a class="name" href="#<%= task.anchor %>"><bdi><%= task.name %></bdi></a></li><% } %>
<% if (more > 0) { %><li class="quiet">and <%= more %> more</li><% } %>
</ul></details>
</div>
<% } %>
</section>
<% } %>

<% if (it.durationBars.length > 0 || it.setbacks.length > 0) { %>
<div class="columns">
<% if (it.durationBars.length > 0) { %>
<section>
<h2>Durations <small>of attempts that completed a task</small></h2>
<ul class="rows">
<% for (const { label, count, width } of it.durationBars) { %><li><span class="quiet"><%= label %></span><svg height="10" aria-hidden="true"><rect class="f-completed" width="<%= width %>" height="10" rx="2"/></svg><span class="count"><%= count %></span></li><% } %>
</ul>
</section>
<% } %>
<% if (it.setbacks.length > 0) { %>
<section>
<h2>Setbacks <small>attempts that completed nothing</small></h2>
<ul class="rows wide">
<% for (const { words, count } of it.setbacks) { %><li><span><%= words %></span><span class="count"><%= count %></span></li><% } %>
</ul>
</section>
<% } %>
</div>
<% } %>

<section>
<h2>Tasks <small>each opens: its attempts, the end of its log, how to go on</small></h2>
<div class="tools" id="tools" hidden>
<input type="search" placeholder="Find a task" aria-label="Find a task by its name or its reason">
<button type="button" value="" aria-pressed="true">all</button>
<% for (const { state, word, count } of it.shares) { if (count > 0) { %><button type="button" value="<%= state %>" aria-pressed="false"><%= word %> <%= count %></button><% } } %>
<select aria-label="Order"><option value="">what needs you first</option><option value="place">by name</option><option value="ms">longest first</option><option value="tokens">most tokens first</option></select>
</div>
<div id="tasks">
<% for (const card of it.cards) { %>
<details class="task" id="<%= card.anchor %>" data-state="<%= card.state %>" data-place="<%= card.place %>" data-ms="<%= card.durationMs %>" data-tokens="<%= card.tokens %>">
<summary><i class="dot b-<%= card.state %>"></i><span class="name"><bdi><%= card.name %></bdi></span><span class="facts"><%= card.facts %></span></summary>
<div class="body">
<% if (card.reason) { %><p class="why"><%= card.reason %></p><% } %>
<% if (card.attempts.length > 0) { %><table>
<% if (card.older > 0) { %><tr><td colspan="5"><%= card.older %> earlier attempts</td></tr><% } %>
<% for (const one of card.attempts) { %><tr><td><i class="b-<%= one.outcome %>"></i><%= one.number %></td><td><%= one.words %></td><td><%= one.when %></td><td><%= one.took %></td><td><%= one.tokens %></td><td><%= one.run %></td></tr><% } %>
</table><% } %>
<% if (card.questions.length + card.moreQuestions > 0) { %><table class="questions">
<% if (card.moreQuestions > 0) { %><tr><td colspan="4"><%= card.moreQuestions %> earlier questions</td></tr><% } %>
<% for (const one of card.questions) { %><tr><td><%= one.when %></td><td>attempt <%= one.number %> asked: <% if (one.text) { %><details><summary><%= one.asked %></summary><pre><%= one.text %></pre></details><% } else { %><%= one.asked %><% } %></td><td><%= one.answer %></td><td><%= one.waited %></td></tr><% } %>
</table><% } %>
<% if (card.excerpt) { %><pre><%= card.excerpt %></pre><% } %>
<% if (card.log || card.commands.length > 0) { %><dl class="commands">
<% if (card.log) { %><dt>log</dt><dd><code><%= card.log %></code></dd><% } %>
<% for (const { what, command } of card.commands) { %><dt><%= what %></dt><dd><code><%= command %></code></dd><% } %>
</dl><% } %>
</div>
</details>
<% } %>
</div>
<p class="quiet" id="none" hidden>No task is like that.</p>
<% if (it.cardsLeftOut > 0) { %><p class="quiet"><%= it.cardsLeftOut %> more completed tasks are not listed here; the JSON report has them.</p><% } %>
<% for (const { name, why } of it.refused) { %><p class="quiet"><span class="name"><bdi><%= name %></bdi></span> was refused: it <%= why %></p><% } %>
</section>
<footer>Written <%= it.written %>. Commands are to be typed where this report was made. The end of a log may hold what agents read: look before you pass the page on.</footer>
</main>
<script><%~ it.script %></script>
</body>
</html>
`;
