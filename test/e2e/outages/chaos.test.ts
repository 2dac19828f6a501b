import { describe, expect, test } from 'vitest';
import { installedServer } from '../../lab/own-redis.ts';
import { runProgram, startProgram } from '../../lab/processes.ts';

const chaos = 'test/chaos/main.ts';

describe.skipIf(!installedServer())('a chaos run', () => {
  test(
    'loses nothing, fails nothing wrongly, and makes no request twice without a reason',
    { timeout: 200_000 },
    async () => {
      const { code, stdout } = await runProgram(chaos, ['--seed', '1', '--minutes', '0.4'], {
        patience: 190_000,
      });
      expect(stdout).toContain('nothing was violated');
      expect(stdout).toMatch(/^0 lost, 0 wrongly failed/m);
      expect(Number(/^worker killed +(\d+) /m.exec(stdout)![1])).toBeGreaterThanOrEqual(3);
      expect(Number(/^(\d+) jobs, /m.exec(stdout)![1])).toBeGreaterThan(100);
      expect(code).toBe(0);
    },
  );

  test(
    'ends at once when it is interrupted, with everything that it started',
    { timeout: 60_000 },
    async () => {
      await using program = startProgram(chaos, ['--seed', '1'], { patience: 40_000 });
      await program.line('fault');
      program.signal('SIGINT');
      // A process that is left fails the whole test run.
      expect(await program.exit()).toMatchObject({
        code: 130,
        stderr: expect.stringContaining('chaos: stopped'),
      });
    },
  );

  test('an impossible option is named', async () => {
    const { code, stderr } = await runProgram(chaos, ['--minutes', 'many']);
    expect(code).toBe(1);
    expect(stderr).toContain('--minutes: "many" is not 0.2 to 600');
    expect((await runProgram(chaos, ['--help'])).stdout).toContain('npm run chaos -- --minutes 1');
  });
});
