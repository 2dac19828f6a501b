import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { runNode } from './child.mjs';
import { ensureInstalled } from './install.mjs';
import { ensureRedisForTests, provideRedis } from './redis.mjs';
import { Stop, say } from './say.mjs';
import { root } from './workspace.mjs';

/** A program of the workspace, run from its TypeScript sources: no build. */
const program = (...path) => ['--conditions=sluice-source', join(root, ...path)];

const benchNames = () => {
  const folder = join(root, 'bench');
  const names = existsSync(folder) ? readdirSync(folder) : [];
  return names.filter((name) => existsSync(join(folder, name, 'main.ts')));
};

/** Runs the tests of these projects, or of those that the arguments name. */
async function runTests(args, ...projects) {
  await ensureInstalled();
  await ensureRedisForTests();
  const areNamed = args.some((argument) => argument.startsWith('--project'));
  const chosen = areNamed ? [] : projects.map((name) => `--project=${name}`);
  return runNode([join(root, 'node_modules', 'vitest', 'vitest.mjs'), 'run', ...chosen, ...args]);
}

const commands = {
  async install() {
    await ensureInstalled();
    return 0;
  },

  async demo(args) {
    await ensureInstalled();
    const redis = await provideRedis();
    try {
      return await runNode([...program('examples', 'demo', 'main.ts'), ...args], {
        SLUICE_REDIS_URL: redis.url,
      });
    } finally {
      await redis.stop();
    }
  },

  async sluice(args) {
    await ensureInstalled();
    return runNode([...program('packages', 'cli', 'src', 'main.ts'), ...args]);
  },

  async bench([name, ...args]) {
    const names = benchNames();
    if (!names.includes(name)) {
      if (name) say(`there is no bench "${name}"`);
      say(names.length > 0 ? `npm run bench -- ${names.join(' | ')}` : 'there is no bench yet');
      return 1;
    }
    await ensureInstalled();
    return runNode([...program('bench', name, 'main.ts'), ...args]);
  },

  async screenshots() {
    await ensureInstalled();
    const redis = await provideRedis();
    try {
      return await runNode(program('scripts', 'screenshots', 'main.ts'), { SLUICE_REDIS_URL: redis.url });
    } finally {
      await redis.stop();
    }
  },

  async chaos(args) {
    await ensureInstalled();
    await ensureRedisForTests();
    return runNode([...program('test', 'chaos', 'main.ts'), ...args]);
  },

  test: (args) => runTests(args, '!outages', '!release', '!http'),
  'test:faults': (args) => runTests(args, 'outages'),
  'test:release': (args) => runTests(args, 'release'),
  'test:http': (args) => runTests(args, 'http'),
};

/** Runs one command to its end; resolves with the exit code. */
export async function runCommand(name = '', args = []) {
  if (!Object.hasOwn(commands, name)) {
    say(`usage: node scripts/bootstrap.mjs ${Object.keys(commands).join('|')} [args]`);
    return 1;
  }
  try {
    return await commands[name](args);
  } catch (error) {
    say(error instanceof Stop ? error.message : (error.stack ?? String(error)));
    return 1;
  }
}
