// Writes docs/api.md from the sources: names, types and TSDoc. `node scripts/api-doc.ts`; a test holds the page to it.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Member, membersOf } from './api-doc/members.ts';
import { sections } from './api-doc/sections.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

const introduction = `# API

Written by \`npm run docs:api\` from the types and comments of the sources; do not edit it. What is passed is checked at the
edge by one schema each, and every fault is reported at once, with its path. Durations are a text with a unit (\`"30s"\`)
or a number of ms; times are a \`Date\`, an ISO 8601 text, epoch ms, or a duration from now.

The fields of a policy, the variables of a worker and the commands are in [configuration](configuration.md), the codes of
errors in [errors](errors.md).
`;

function entry({ signature, text, deprecated }: Member): string {
  const note = deprecated ? ' _Deprecated._' : '';
  return `- \`${signature}\`${text === '' ? '' : `: ${text}`}${note}`;
}

/** The page. */
export function apiPage(): string {
  const parts = sections.map(({ title, about, from }) => {
    const all = from.flatMap(({ file, name }) => membersOf(readFileSync(join(root, file), 'utf8'), name));
    return `## ${title}\n\n${about === '' ? '' : `${about}\n\n`}${all.map(entry).join('\n')}\n`;
  });
  const contents = sections.map(({ title }) => `[${title}](#${title.toLowerCase().replaceAll(' ', '-')})`);
  return `${introduction}\n${contents.join(' · ')}\n\n${parts.join('\n')}`;
}

if (import.meta.main) writeFileSync(join(root, 'docs/api.md'), apiPage());
