import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { BodySlabs } from '../src/http/body-slabs.ts';

test('what was added comes out, however it was chunked', () => {
  const chunks = fc.array(fc.uint8Array({ maxLength: 200_000 }), { maxLength: 20 });
  fc.assert(
    fc.property(chunks, fc.nat(20), (parts, takeAt) => {
      const slabs = new BodySlabs();
      const out: Uint8Array[] = [];
      for (const [index, part] of parts.entries()) {
        slabs.add(part);
        if (index === takeAt) out.push(...slabs.takeFull());
      }
      out.push(slabs.takeRest());
      expect(Buffer.concat(out).equals(Buffer.concat(parts))).toBe(true);
      expect(slabs.size).toBe(0);
    }),
    { numRuns: 50 },
  );
});

test('chunks of one byte take no more memory than the bytes of the body, and a slab', () => {
  const slabs = new BodySlabs();
  const one = new Uint8Array([7]);
  const buffers = () => process.memoryUsage().arrayBuffers;
  const before = buffers();
  for (let n = 0; n < 1_000_000; n++) slabs.add(one);
  expect(slabs.size).toBe(1_000_000);
  expect(buffers() - before).toBeLessThan(1_000_000 + 2 * 65_536);
  expect(slabs.takeFull().every(({ length }) => length <= 65_536)).toBe(true);
});
