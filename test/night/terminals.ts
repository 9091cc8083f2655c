/**
 * The night by codex-worker: as many terminals as the plan says on one directory, each the built program. Somebody kills
 * them as the plan says; somebody else, a service manager, starts one that has ended again while tasks wait.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { isErrno } from '../../src/core/errors.ts';
import type { RunningCli } from '../rig/cli.ts';
import type { SeenSpell } from '../rig/weather.ts';
import { attemptsIn, eventsOf, pausesIn, type TerminalEvent } from './events.ts';
import type { EndedTerminal, JournalLine, Night, Result } from './night.ts';
import { countAlive, evidenceOf, Kills, SAY_EVERY_MS, spellsMissing, type Stage } from './stage.ts';

/** As `RestartSec` of a unit of systemd would say. */
const RESTART_AFTER_MS = 2_000;
const LOOK_EVERY_MS = 200;
/** Of a night that comes to no end. */
const MOST_RESTARTS = 60;
/** An agent that is silent for so long, and all whose commands are, hangs: the scripted model thinks for a second or two. */
const IDLE_S = 12;

/** What a person would type, but for `--json`, which the judge reads. */
function argumentsOf({ plan, project, check, mode }: Stage, without: readonly string[]): string[] {
  const groups: readonly (readonly string[])[] = [
    ['--concurrency', String(plan.agents / plan.terminals)],
    ['--mode', mode],
    mode === 'danger-full-access' ? ['--yes'] : [],
    ['--cd', project],
    ['--retries', String(plan.attempts - 1)],
    ['--no-retry-failed'],
    ['--idle-timeout', `${IDLE_S}s`],
    ['--verify', `sh '${check}' "$CODEX_WORKER_TASK"`],
    ['--expect-changes'],
    ['--max-failures', '50%'],
    ['--json'],
  ];
  return groups.filter(([option = '']) => !without.includes(option)).flat();
}

interface Place {
  readonly number: number;
  run: RunningCli;
  endedAt?: number;
}

interface Ended {
  readonly terminal: EndedTerminal;
  readonly events: readonly TerminalEvent[];
}

export interface NightByTerminals extends Night {
  readonly wallMs: number;
  readonly kills: number;
  /** Agents that lived on when their terminal was killed, a moment later. */
  readonly orphans: number;
}

export interface Terms {
  /** When the night is given up. */
  readonly withinMs: number;
  /** Options that the terminals are started without, to see what the judge finds then. */
  readonly without: readonly string[];
}

/** `say` takes lines for people. */
export async function runTerminals(
  stage: Stage,
  { withinMs, without }: Terms,
  say: (line: string) => void,
): Promise<NightByTerminals> {
  const { plan, bench } = stage;
  const startedAt = performance.now();
  const open = () => bench.start(argumentsOf(stage, without));
  const places: Place[] = Array.from({ length: plan.terminals }, (_, i) => ({ number: i + 1, run: open() }));
  const ended: Ended[] = [];
  const kills = new Kills(stage);
  const watches: Promise<number>[] = [];
  let [killed, restarts] = [0, 0];
  let isLifted = false;
  let sayAt = startedAt + SAY_EVERY_MS;

  const close = async (place: Place, by?: EndedTerminal['by']) => {
    const { code, stdout, stderr } = await place.run.ended();
    place.endedAt = performance.now();
    ended.push({ terminal: { by: by ?? { kind: 'code', code: code ?? -1 } }, events: eventsOf(stdout) });
    const words =
      stderr
        .trim()
        .split('\n')
        .findLast((line) => !line.startsWith('  ')) ?? '';
    say(`terminal ${place.number} ${by ? 'was killed' : `ended with ${code}`}${words && `: ${words}`}`);
  };
  const restart = (place: Place) => {
    restarts += 1;
    delete place.endedAt;
    place.run = open();
    say(`terminal ${place.number} was started again`);
  };

  for (;;) {
    const now = await look(stage);
    if (performance.now() >= sayAt) {
      say(`${now.results} of ${plan.tasks.length} have a result, ${now.held} are in progress`);
      sayAt = performance.now() + SAY_EVERY_MS;
    }
    const kill = kills.next(now.results);
    const victim = kill && places[kill.terminal - 1];
    if (victim && victim.endedAt === undefined && !victim.run.hasEnded) {
      const agents = agentsOf(victim.run);
      victim.run.kill('SIGKILL');
      killed += 1;
      watches.push(countAlive(agents));
      await close(victim, { kind: 'killed' });
      restart(victim);
    } else if (victim) {
      killed += 1; // it had ended by itself, and is started again as if it had been killed
      restart(victim);
    }
    for (const place of places) if (place.endedAt === undefined && place.run.hasEnded) await close(place);
    const areAllClosed = places.every(({ endedAt }) => endedAt !== undefined);
    if (areAllClosed && now.open + now.held === 0) break;
    if (restarts > MOST_RESTARTS || performance.now() - startedAt > withinMs) {
      say(`the night comes to no end: ${now.open} tasks wait, ${now.held} are held`);
      for (const { run, endedAt } of places) if (endedAt === undefined) run.kill('SIGKILL');
      for (const place of places) if (place.endedAt === undefined) await close(place, { kind: 'killed' });
      break;
    }
    if (plan.isLiftedByHand && !isLifted && stage.weather.seen.some(isLimitOver)) {
      isLifted = true;
      say((await bench.run(['resume'])).stdout.trim());
    }
    for (const place of places)
      if (place.endedAt !== undefined && performance.now() - place.endedAt > RESTART_AFTER_MS)
        if (now.open > 0 || areAllClosed) restart(place);
    await sleep(LOOK_EVERY_MS);
  }
  const wallMs = performance.now() - startedAt;
  const orphans = (await Promise.all(watches)).reduce((sum, n) => sum + n, 0);
  const events = ended.map((each) => each.events);
  return {
    tasks: plan.tasks,
    attemptsAllowed: plan.attempts,
    results: await resultsOf(stage),
    ...(await evidenceOf(stage)),
    pauses: pausesIn(events.flat()),
    attempts: events.flatMap(attemptsIn).sort((a, b) => a.from - b.from),
    journal: await journalOf(stage),
    terminals: ended.map(({ terminal }) => terminal),
    left: await bench.leftovers(),
    missing: [...spellsMissing(stage), ...kills.missing],
    wallMs,
    kills: killed,
    orphans,
  };
}

const isLimitOver = ({ spell, to }: SeenSpell) => spell.kind === 'limit' && Date.now() > to;

/** The agents that a terminal has told of, and whose end it has not. */
function agentsOf({ stdout }: RunningCli): number[] {
  const running = new Map<string, number>();
  for (const { event, fields } of eventsOf(stdout)) {
    const task = String(fields['name']);
    if (event === 'attempt-started') running.set(task, Number(fields['pid']));
    if (event === 'attempt-ended') running.delete(task);
  }
  return [...running.values()];
}

interface Standing {
  /** Tasks that have a result. */
  readonly results: number;
  /** Without a result, and nobody has them. */
  readonly open: number;
  readonly held: number;
}

async function look({ plan, bench }: Stage): Promise<Standing> {
  const listing = new Set(await bench.ls());
  let [results, held] = [0, 0];
  for (const { name } of plan.tasks)
    if (listing.has(`.lock-${name}.md`)) held += 1;
    else if (listing.has(`done_exec_log-${name}.md.txt`) || listing.has(`failed_exec_log-${name}.md.txt`))
      results += 1;
  return { results, held, open: plan.tasks.length - results - held };
}

async function resultsOf({ plan, bench }: Stage): Promise<Map<string, Result>> {
  const results = new Map<string, Result>();
  const listing = await bench.ls();
  for (const { name } of plan.tasks)
    for (const [prefix, state] of [
      ['failed', 'failed'],
      ['done', 'completed'],
    ] as const) {
      const log = `${prefix}_exec_log-${name}.md.txt`;
      if (!listing.includes(log)) continue;
      const outcome = [...(await bench.read(log)).matchAll(/^outcome: +(.*)$/gm)].at(-1)?.[1] ?? 'cut off';
      results.set(name, { state, outcome });
    }
  return results;
}

/** A claim counts once, by its first line: two may have written of the same dead owner. */
async function journalOf({ bench }: Stage): Promise<JournalLine[]> {
  const text = await bench.read('.codex-worker/journal.jsonl').catch((error: unknown) => {
    if (isErrno(error, 'ENOENT')) return '';
    throw error;
  });
  const lines = new Map<string, JournalLine>();
  for (const line of text.split('\n')) {
    if (line === '') continue;
    const { kind, claim, task, usage } = JSON.parse(line) as JournalFields;
    if (kind !== undefined) continue; // of a pause
    if (!lines.has(claim))
      lines.set(claim, { task: task.replace(/\.md$/, ''), tokens: usage.input + usage.output });
  }
  return [...lines.values()];
}

interface JournalFields {
  readonly kind?: string;
  readonly claim: string;
  readonly task: string;
  readonly usage: { readonly input: number; readonly output: number };
}
