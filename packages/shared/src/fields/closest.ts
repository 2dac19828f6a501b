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

/** The name that was probably meant: at most a third of its letters differ. Null when none is near. Pure. */
export function closestName(given: string, names: Iterable<string>): string | null {
  let closest: { name: string; away: number } | null = null;
  const wanted = given.toLowerCase();
  for (const name of names) {
    const most = Math.max(1, Math.floor(Math.max(given.length, name.length) / 3));
    if (Math.abs(name.length - given.length) > most) continue;
    const away = distance(wanted, name.toLowerCase());
    if (away <= most && (closest === null || away < closest.away)) closest = { name, away };
  }
  return closest?.name ?? null;
}
