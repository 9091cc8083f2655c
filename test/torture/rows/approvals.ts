/**
 * Agents that ask before they go on, and people who answer from other terminals, several at once, while runs, servers and
 * those who answer are killed. What an agent is told must be what somebody answered to these very words, and be told once;
 * who was told "approved" or "denied" must have been heard; nothing of a question may be left.
 *
 * The agents are app-servers, whatever the others are. An agent also forges: it writes something harmless into the file of
 * its question, so that a person approves that.
 */
import { createHash } from 'node:crypto';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isErrno } from '../../../src/core/errors.ts';
import { digestOf, type Decision, type Question } from '../../../src/core/question.ts';
import { unreachable } from '../../../src/core/unreachable.ts';
import type { RunningCli } from '../../rig/cli.ts';
import { kill, partsWith, stateOf } from '../../rig/processes.ts';
import { violation, type Violation } from '../../rig/violation.ts';
import { preload, readLockOf } from '../crash-scene.ts';
import { choose, pick, type Round, type Row } from '../row.ts';
import { needsOracle, Terminals } from '../terminals.ts';

const TASKS = 8;
const TERMINALS = 2;
const PLACES = 3;
const LASTS_MS = 8_000;
const LASTS_MS_OF_A_CONTROL = 5_000;
/** People at a time. */
const MOST_ANSWERERS = 4;
/** What `approve` does in the folder of answers, and a little more: it is killed before each of these. */
const ANSWER_STEPS = 9;
/** At each of these; somebody who is stopped goes on after a while, when the question may be over. */
const STALLS = 'stop:0.15';
const CALM_WITHIN_MS = 90_000;

const SPOKEN: Readonly<Record<Decision, string>> = {
  approve: 'accept',
  'approve-session': 'acceptForSession',
  deny: 'decline',
  stop: 'cancel',
};

type Deed =
  | 'answer'
  | 'answer twice'
  | 'die while answering'
  | 'stall while answering'
  | 'forge'
  | 'kill run'
  | 'kill server';
const DEEDS: readonly Deed[] = [
  ...(['answer', 'answer', 'answer', 'answer'] as const),
  ...(['answer twice', 'answer twice', 'die while answering', 'die while answering'] as const),
  ...(['stall while answering', 'stall while answering'] as const),
  ...(['forge', 'kill run', 'kill server'] as const),
];
/** A control is aimed at the gap that it opens. */
const CONTROLS: Readonly<Record<string, readonly Deed[]>> = {
  'shown-words': ['forge'],
  'answers-for-all': ['answer twice'],
  'question-stays': ['answer'],
};

/** A question as its file says it now: what a person is shown. */
interface Shown {
  readonly question: Question;
  readonly id: string;
  readonly command: string;
}

/** Somebody who answers, in a process of his own. */
interface Answerer extends Shown {
  readonly decision: Decision;
  readonly run: RunningCli;
}

class People {
  readonly answerers: Answerer[] = [];
  /** Claims of runs that were killed: what they cannot tidy away is left to others. */
  readonly orphaned = new Set<string>();
  readonly #terminals: Terminals;
  readonly #runs = new Set<RunningCli>();
  /** Questions that somebody has answered, or is about to, who was not killed. */
  readonly #answered = new Set<string>();

  constructor(terminals: Terminals) {
    this.#terminals = terminals;
  }

  startRun(): void {
    // A task that three owners died on would be failed, and one whose agent was killed is tried again.
    // Between the end of its agent and that of its claim an attempt verifies: nobody listens then.
    const args = ['-c', String(PLACES), '-r', '5', '--approvals', 'queue', '--verify', 'sleep 0.3'];
    this.#runs.add(this.#terminals.start(args));
  }

  get runs(): RunningCli[] {
    return [...this.#runs].filter((run) => !run.hasEnded);
  }

  get busy(): number {
    return this.answerers.filter(({ run }) => !run.hasEnded).length;
  }

  /** Those that nobody has had a word about; of a question that was forged, the words are others. */
  unanswered(): Shown[] {
    return this.open().filter(({ id }) => !this.#answered.has(id));
  }

  /** Lets those go on who were stopped, some now and some later. */
  wake(chance: number): void {
    for (const { run } of this.answerers)
      if (!run.hasEnded && stateOf(run.pid) === 'T' && this.#terminals.round.random() < chance)
        run.kill('SIGCONT');
  }

  /** What can be read as a question just now. */
  open(): Shown[] {
    return questionFiles(this.#folder).flatMap((name) => {
      try {
        const question = JSON.parse(readFileSync(path.join(this.#folder, name), 'utf8')) as Question;
        const command = commandIn(question);
        return command === undefined ? [] : [{ question, id: this.#idOf(question), command }];
      } catch (error) {
        if (error instanceof SyntaxError || isErrno(error, 'ENOENT')) return [];
        throw error;
      }
    });
  }

  get #folder(): string {
    return path.join(this.#terminals.bench.tasks, '.codex-worker', 'questions');
  }

  answer(shown: Shown, decision: Decision, env: NodeJS.ProcessEnv = {}): void {
    const { task } = shown.question;
    const words = {
      approve: ['approve', task, '-y'],
      'approve-session': ['approve', task, '-y', '--session'],
      deny: ['deny', task],
      stop: ['deny', task, '--stop'],
    }[decision];
    const run = this.#terminals.start([...words, '--question', shown.id], env, [0, 1]);
    this.answerers.push({ ...shown, decision, run });
    this.#answered.add(shown.id);
    void run.ended().then(
      ({ code }) => code === null && this.#answered.delete(shown.id),
      () => {}, // whoever waits for it says so
    );
  }

  /** Where the words make no difference, their digest is of none (without.mjs). */
  #idOf(question: Question): string {
    if (this.#terminals.round.control !== 'shown-words') return digestOf(question);
    return createHash('sha256').update(`${question.claim}.${question.n}`).digest('hex');
  }

  /** Whether there was something to do it to. */
  do(deed: Deed): boolean {
    const { round, bench } = this.#terminals;
    const { random } = round;
    const open = this.open();
    const decide = () => choose(random, ['approve', 'approve', 'approve-session', 'deny', 'stop'] as const);
    switch (deed) {
      case 'answer':
        if (open.length > 0) this.answer(choose(random, open), decide());
        return open.length > 0;
      case 'answer twice': {
        if (open.length === 0) return false;
        const shown = choose(random, open);
        this.answer(shown, 'approve');
        this.answer(shown, choose(random, ['deny', 'approve-session']));
        return true;
      }
      case 'die while answering':
        if (open.length > 0)
          this.answer(choose(random, open), decide(), {
            NODE_OPTIONS: preload('kill-at-step.mjs'),
            KILL_IN: stateHome(this.#terminals),
            KILL_AT: String(1 + pick(random, ANSWER_STEPS)),
          });
        return open.length > 0;
      case 'stall while answering':
        if (open.length > 0)
          this.answer(choose(random, open), decide(), {
            NODE_OPTIONS: preload('at-random-steps.mjs'),
            AT_RANDOM: STALLS,
            AT_RANDOM_IN: stateHome(this.#terminals),
            AT_RANDOM_LOG: path.join(bench.scratch, 'stalls'),
            AT_RANDOM_SEED: String(pick(random, 2 ** 31)),
          });
        return open.length > 0;
      case 'forge': {
        if (open.length === 0) return false;
        const { question, command } = choose(random, open);
        const forged = this.#forge(question, `forged-${command}`);
        if (forged) this.answer(forged, 'approve');
        return forged !== undefined;
      }
      case 'kill run': {
        const run = this.runs.find(({ pid }) => this.#claimsOf(pid).length > 0);
        if (!run) return false;
        for (const claim of this.#claimsOf(run.pid)) this.orphaned.add(claim);
        run.kill('SIGKILL');
        for (const claim of this.#claimsOf(run.pid)) this.orphaned.add(claim);
        return true;
      }
      case 'kill server': {
        const servers = partsWith(`CODEX_WORKER_BENCH=${bench.scratch}`).filter(
          ({ kind }) => kind === 'codex',
        );
        return servers.length > 0 && kill(choose(random, servers).pid);
      }
      default:
        return unreachable(deed);
    }
  }

  #claimsOf(owner: number): string[] {
    return readdirSync(this.#terminals.bench.tasks)
      .filter((name) => name.startsWith('.lock-'))
      .map((name) => readLockOf(this.#terminals.bench, name.slice('.lock-'.length)))
      .filter((lock) => lock?.owner === owner)
      .map((lock) => lock?.claim ?? '');
  }

  /** As an agent could that may write here: in place, so that a question that is gone stays gone. */
  #forge(question: Question, command: string): Shown | undefined {
    const forged: Question = {
      ...question,
      asked: { kind: 'command', command: `/bin/bash -lc '${command}'` },
    };
    try {
      const file = path.join(this.#folder, `${question.claim}.${question.n}.json`);
      writeFileSync(file, `${JSON.stringify(forged)}\n`, { flag: 'r+' });
    } catch (error) {
      if (isErrno(error, 'ENOENT')) return undefined;
      throw error;
    }
    return { question: forged, id: this.#idOf(forged), command };
  }
}

function questionFiles(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
  }
}

/** What the fake calls it. */
const commandIn = ({ asked }: Question) =>
  asked.kind === 'command' ? /^\/bin\/bash -lc '(.*)'$/.exec(asked.command)?.[1] : undefined;

const stateHome = ({ bench }: Terminals) => bench.environment()['XDG_STATE_HOME'] ?? '';

async function round(round: Round): Promise<Violation[]> {
  const { random, control } = round;
  const terminals = await Terminals.open({ ...round, backend: 'app-server' });
  const { bench, codex } = terminals;
  for (let i = 0; i < TASKS; i++) {
    const names = Array.from({ length: 1 + pick(random, 4) }, (_, k) => `c${i}-${k}`);
    const asks = random() < 0.3 ? [`ask=${names.join(',')}`] : names.map((name) => `ask=${name}`);
    await codex.task(`task-${i}.md`, [...asks, `hold=${choose(random, ['0', '0.2'])}`].join(' '));
  }
  const people = new People(terminals);
  for (let i = 0; i < TERMINALS; i++) people.startRun();
  const deeds = control === undefined ? DEEDS : (CONTROLS[control] ?? DEEDS);
  await bench.until('an agent asks', () => people.open().length > 0);
  const deadline = performance.now() + (control === undefined ? LASTS_MS : LASTS_MS_OF_A_CONTROL);
  while (performance.now() < deadline && people.runs.length > 0) {
    await sleep(20 + pick(random, 120));
    people.wake(0.05);
    const deed = choose(random, deeds);
    if (deed !== 'kill run' && deed !== 'kill server' && people.busy >= MOST_ANSWERERS) continue;
    if (!people.do(deed)) continue;
    if (deed === 'kill run') round.crashed('real', 'SIGKILL of a run whose agents may ask');
    else round.injected(NAMES[deed]);
    if (people.runs.length < TERMINALS) people.startRun();
  }
  if (control === 'shown-words' || control === 'answers-for-all') {
    while (people.busy > 0) await sleep(100);
    await sleep(1_000); // an agent hears of it
    return judgeAnswers(terminals, people);
  }
  // Now in peace: everything is answered, one after another, until the runs are over.
  const calmUntil = performance.now() + CALM_WITHIN_MS;
  while (people.runs.length > 0) {
    if (performance.now() > calmUntil)
      return [
        violation('hung', `${people.runs.length} runs wait, with ${people.open().length} questions open`),
      ];
    people.wake(0.2);
    for (const shown of people.unanswered())
      if (people.busy < MOST_ANSWERERS) people.answer(shown, 'approve');
    await sleep(100);
  }
  while (people.busy > 0) {
    people.wake(1);
    await sleep(100);
  }
  const found = await terminals.judge({ calm: ['--approvals', 'queue', '--approval-timeout', '1s'] });
  return [...found, ...(await judgeAnswers(terminals, people))];
}

const NAMES: Readonly<Record<Exclude<Deed, 'kill run'>, string>> = {
  answer: 'answer from another terminal',
  'answer twice': 'two answers to one question at once',
  'die while answering': 'SIGKILL of one who answers, at a step of it',
  'stall while answering': 'SIGSTOP of one who answers, SIGCONT later',
  forge: 'question that was forged, and approved',
  'kill server': 'SIGKILL of an app-server',
};

interface Told {
  readonly claim: string;
  readonly word: string;
  readonly command: string;
}

/** What was said to whom, against what each agent was told. */
async function judgeAnswers(terminals: Terminals, { answerers, orphaned }: People): Promise<Violation[]> {
  const { bench, codex } = terminals;
  const history = await codex.history();
  const told: Told[] = history
    .filter((line) => line.startsWith('told '))
    .map((line) => line.split(' '))
    .map(([, , claim = '', word = '', command = '']) => ({ claim, word, command }));
  const journal = (await bench.read('.codex-worker/journal.jsonl').catch(() => ''))
    .split('\n')
    .filter((line) => line.includes('"kind":"answer"'))
    .map((line) => JSON.parse(line) as { claim: string; text: string; decision: Decision });
  const found: Violation[] = [];

  const ends = await Promise.all(answerers.map(async (one) => ({ ...one, ...(await one.run.ended()) })));
  const isOf = (one: Shown, { claim, command }: Told) =>
    one.question.claim === claim && one.command === command;
  for (const one of told) {
    const { claim, word, command } = one;
    if (told.find((other) => other.claim === claim && other.command === command) !== one)
      found.push(violation('twice', `${command} of ${claim} was told twice: ${word}`));
    const gave = ends.filter((answer) => isOf(answer, one) && (answer.code === 0 || answer.signal !== null));
    const isYes = word.startsWith('accept');
    if ((isYes || word === 'cancel') && !gave.some(({ decision }) => SPOKEN[decision] === word))
      found.push(violation('lied', `${command} of ${claim} was told ${word}, and nobody had said so`));
    const noted = journal.filter((note) => note.claim === claim && note.text.includes(`'${command}'`));
    if (!noted.some(({ decision }) => SPOKEN[decision] === word))
      found.push(
        violation('lost', `${command} of ${claim} was told ${word}, and the journal does not say so`),
      );
  }
  for (const one of ends) {
    const { question, command, decision, code } = one;
    const { claim, n } = question;
    if (code !== 0) continue;
    const others = ends.filter(
      (other) => other.code === 0 && other.question.claim === claim && other.question.n === n,
    );
    if (others[0] === one && others.length > 1)
      found.push(
        violation(
          'double',
          `${others.map((other) => other.decision).join(' and ')} both counted for ${command} of ${claim}`,
        ),
      );
    const word = told.find((other) => isOf(one, other))?.word;
    const hasEnded = history.some((line) => line.startsWith('end ') && line.endsWith(` ${claim}`));
    if (word === undefined ? hasEnded && !command.startsWith('forged-') : word !== SPOKEN[decision])
      found.push(
        violation(
          'lost',
          `${decision} of ${command} of ${claim} was said to count; it was told ${word ?? 'nothing'}`,
        ),
      );
  }
  const left = [
    ...(await bench.ls()).filter((name) => name.startsWith('needs-approval-')),
    ...(await bench.ls('.codex-worker/questions')).map((name) => `questions/${name}`),
    ...(await answersIn(terminals)).filter((name) => !orphaned.has(name.split('.')[0] ?? '')),
  ];
  found.push(...left.map((name) => violation('left', name)));
  terminals.round.noted('questions', told.length);
  return found;
}

/** Drafts of those who were killed are nobody's; they are swept away when they are a week old. */
async function answersIn(terminals: Terminals): Promise<string[]> {
  const names = await readdir(path.join(stateHome(terminals), 'codex-worker', 'answers')).catch(() => []);
  return names.filter((name) => !name.startsWith('.new-'));
}

export const approvals: Row = {
  name: 'approvals',
  about:
    'agents that ask, people who answer at once, forged questions; runs, servers and those who answer are killed',
  share: 1,
  controls: { 'shown-words': 'lied', 'answers-for-all': 'double', 'question-stays': 'left' },
  unavailable: needsOracle,
  round,
};
