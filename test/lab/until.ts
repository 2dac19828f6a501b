/** Waits until a condition holds, with no timeout of its own: the caller has one. @returns how long it took, ms */
export async function until(condition: () => Promise<boolean> | boolean): Promise<number> {
  const start = performance.now();
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 10));
  return performance.now() - start;
}
