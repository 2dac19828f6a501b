/** What other libraries call it. */
const elsewhere: Readonly<Record<string, string>> = {
  retries: 'attempts',
  query: 'searchParams',
  params: 'searchParams',
  data: 'json',
};

/** How many letters are added, left out, changed or swapped between two words (optimal string alignment). */
function distance(a: string, b: string): number {
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const next = [row];
    for (let column = 1; column <= b.length; column++) {
      const isSame = a[row - 1] === b[column - 1];
      let least = Math.min(last[column]! + 1, next[column - 1]! + 1, last[column - 1]! + (isSame ? 0 : 1));
      const isSwapped = row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
      if (isSwapped) least = Math.min(least, before[column - 2]! + 1);
      next.push(least);
    }
    [before, last] = [last, next];
  }
  return last[b.length]!;
}

/** The longest name that is looked at: whatever is longer was not a slip of the pen. */
const longest = 40;

/** The name that was probably meant: at most a third of its letters, and three, are wrong. null: none is near. Pure. */
export function similar(name: string, known: readonly string[]): string | null {
  const other = Object.hasOwn(elsewhere, name) ? elsewhere[name]! : '';
  if (known.includes(other)) return other;
  if (name.length > longest) return null;
  const lower = name.toLowerCase();
  const near = known
    .map((candidate) => ({ candidate, far: distance(lower, candidate.toLowerCase()) }))
    .filter(({ candidate, far }) => far <= Math.min(3, Math.max(1, Math.floor(candidate.length / 3))))
    .sort((a, b) => a.far - b.far);
  return near[0]?.candidate ?? null;
}
