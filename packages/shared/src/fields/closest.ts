/** How many letters must be inserted, removed or changed to make one text of the other (Levenshtein). Pure. */
function distance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let i = 0; i < from.length; i++) {
    const next = [i + 1];
    for (let j = 0; j < to.length; j++) {
      const changed = row[j]! + (from[i] === to[j] ? 0 : 1);
      next.push(Math.min(changed, row[j + 1]! + 1, next[j]! + 1));
    }
    row = next;
  }
  return row.at(-1)!;
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
