import { capture, guard } from './child.mjs';
import { askVersion, tooOld } from './redis-version.mjs';
import { say } from './say.mjs';

export const dockerImage = () => process.env.SLUICE_REDIS_IMAGE || 'redis:7-alpine';

const oneLine = (text) => text.trim().split('\n').at(-1);

/** The version of the Docker engine that answers, or undefined. */
export async function engineVersion(skip) {
  const { code, output } = await capture('docker', ['version', '--format', '{{.Server.Version}}'], {
    timeout: 10_000,
  });
  if (code === 0) return output.trim();
  skip(code === 127 ? 'no Docker on PATH' : 'no Docker engine answers');
  return undefined;
}

/** A Redis in a container, which stop() removes; undefined when there is no engine, image or answer. */
export async function startContainer(skip) {
  if (!(await engineVersion(skip))) return undefined;
  const image = dockerImage();
  if ((await capture('docker', ['image', 'inspect', image])).code !== 0) {
    say(`pulling the image ${image}`);
    const pull = await capture('docker', ['pull', '--quiet', image], { timeout: 120_000 });
    if (pull.code !== 0) {
      skip(`the image ${image} cannot be pulled (${oneLine(pull.output)})`);
      return undefined;
    }
  }
  const settings = ['--save', '', '--appendonly', 'no', '--maxmemory-policy', 'noeviction', '--hz', '100'];
  const run = ['run', '--detach', '--rm', '--publish', '127.0.0.1::6379', image, 'redis-server', ...settings];
  const started = await capture('docker', run, { timeout: 60_000 });
  const id = oneLine(started.output);
  if (started.code !== 0) {
    skip(`the image ${image} does not start (${id})`);
    return undefined;
  }
  const remove = ['rm', '--force', '--volumes', id];
  const release = guard('docker', ...remove);
  const stop = async () => {
    await capture('docker', remove);
    release();
  };
  try {
    const port = (await capture('docker', ['port', id, '6379/tcp'])).output.trim().split(':').at(-1);
    const url = `redis://127.0.0.1:${port}`;
    const why = tooOld(await askVersion(url, 15_000));
    if (!why) return { url, stop };
    skip(`the image ${image}: ${why}`);
  } catch (error) {
    skip(`the Redis in the container does not answer (${error.message})`);
  }
  await stop();
  return undefined;
}
