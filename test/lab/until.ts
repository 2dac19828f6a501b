/** Waits until a condition holds; whoever waits ends it. @returns ms that it took */
export async function until(condition: () => Promise<boolean> | boolean): Promise<number> {
  const start = performance.now();
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 10));
  return performance.now() - start;
}
