/**
 * The scripts of BullMQ that we may put inside one of ours, by the SHA-256 of their texts. Before a text is added, the
 * contract test (packages/worker/test/bull-function.test.ts) must pass with it: as a function it does to Redis what it does
 * alone. A text that is not listed is not used.
 */
export const knownTexts: Readonly<Record<string, readonly string[]>> = {
  addStandardJob: [
    // 6.7.0
    '2eee45c9ffc54d24681b737f926016a7f7464f0d32a5f87f623bffa2fc55413c',
  ],
  moveToActive: [
    // 6.7.0
    '7d35069db0b831af1bd1b2d5eb8d524e86fc7d3280b8c684a96b6614bad7d79a',
  ],
  moveToFinished: [
    // 6.7.0
    '8e744ec5d65dbe9e7ffb6e39a96c0268bba65e4f0b1d04e2d2a42ccb71b45a6d',
  ],
};
