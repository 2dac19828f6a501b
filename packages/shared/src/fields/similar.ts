import { closestName } from './closest.ts';

/** What other libraries call it. */
const elsewhere: Readonly<Record<string, string>> = {
  retries: 'attempts',
  query: 'searchParams',
  params: 'searchParams',
  data: 'json',
};

/** The field that was probably meant; null: none is near. Pure. */
export function similar(name: string, known: readonly string[]): string | null {
  const other = Object.hasOwn(elsewhere, name) ? elsewhere[name]! : '';
  return known.includes(other) ? other : closestName(name, known);
}
