/** A second terminal in namespaces of its own, on the directory of a real run outside. */
import { violation, type Violation } from '../rig/violation.ts';
import { makeCliScene, NAMESPACES, type CliScene } from './cli-scene.ts';
import type { Round } from './row.ts';

/** A real owner, and a real second terminal that cannot see it: while it works, or when it is dead. */
export async function fromInside(
  round: Round,
  namespace: 'pid' | 'time',
  env: NodeJS.ProcessEnv,
): Promise<Violation[]> {
  const scene = await makeCliScene(round);
  const { codex, bench, release } = scene;
  await codex.task('a.md', 'until=over');
  const owner = scene.start();
  await scene.started(1);
  if (round.control === undefined && round.random() < 0.5) {
    owner.kill('SIGKILL');
    await owner.ended();
    await bench.until('its watcher has ended its agent', async () => (await bench.agents()).length === 0);
    const found = await goesAround(scene, namespace, env);
    round.crashed('real', `owner seen from another ${namespace} namespace`);
    await release('over');
    return [...found, ...(await scene.calm())];
  }
  const found = await goesAround(scene, namespace, env);
  await release('over');
  const { code, stdout, stderr } = await owner.ended();
  if (code !== 0) found.push(violation('lied', `the owner ended with ${code}: ${stdout}${stderr}`));
  round.injected(`terminal in another ${namespace} namespace`);
  return [...found, ...(await scene.calm())];
}

/** The other terminal leaves the task as it is, and says why. */
async function goesAround(
  { bench, shell, starts, release }: CliScene,
  namespace: 'pid' | 'time',
  env: NodeJS.ProcessEnv,
): Promise<Violation[]> {
  const lock = async () =>
    (await bench.ls()).includes('.lock-a.md') && /"claim":"\w+"/.exec(await bench.read('.lock-a.md'))?.[0];
  const before = await lock();
  let isOver = false;
  const other = shell(`${NAMESPACES[namespace]} codex-worker`, env).finally(() => (isOver = true));
  await bench.until('it has gone, or has begun the task', async () => isOver || (await starts()) > 1);
  const found = (await lock()) === before ? [] : [violation('twice', 'it has reaped what it cannot judge')];
  if (found.length > 0) await release('over');
  const { code, stdout, stderr } = await other;
  if (code !== 0) found.push(violation('lied', `${code}: ${stdout}${stderr}`));
  const status = await shell(`${NAMESPACES[namespace]} codex-worker status --detailed`, env);
  if (!status.stdout.includes('another container'))
    found.push(violation('hung', `held without a named reason: ${status.stdout}`));
  return found;
}
