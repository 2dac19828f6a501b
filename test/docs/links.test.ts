import { existsSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { expect, test } from 'vitest';
import { workspace } from '../lab/processes.ts';
import { anchorsOf, pages, readPage } from './pages.ts';

/** Where the links of a package's README to the repository lead. */
const repository = 'https://github.com/sluice-dev/sluice';

/** A link as a path in the workspace; undefined: it leads elsewhere. */
function target(page: string, link: string): { path: string; anchor: string } | undefined {
  const [, inRepository] = new RegExp(`^${repository}(?:/(?:blob|tree)/main/)?([^?]*)$`).exec(link) ?? [];
  const local = inRepository ?? link;
  if (/^[a-z]+:/.test(local) || /^\/(issues|releases)/.test(local)) return undefined;
  const [path = '', anchor = ''] = local.split('#');
  if (inRepository !== undefined) return { path: path === '' ? 'README.md' : path, anchor };
  return { path: path === '' ? page : relative('.', join(dirname(page), path)), anchor };
}

test.each(pages)('the links of %s lead somewhere', (page) => {
  const source = readPage(page).replaceAll(/^```.*?^```$/gms, '');
  const broken: string[] = [];
  for (const [, link = ''] of source.matchAll(/\]\(([^)\s]+)\)/g)) {
    const to = target(page, link);
    if (to === undefined) continue;
    if (!existsSync(join(workspace, to.path))) broken.push(link);
    else if (to.anchor !== '' && to.anchor !== 'readme') {
      if (!to.path.endsWith('.md') || !anchorsOf(readPage(to.path)).has(to.anchor)) broken.push(link);
    }
  }
  expect(broken).toEqual([]);
});

test('anchors are those of GitHub, and a broken link is seen', () => {
  const source = '# A `b`: c, d\n## Two\n## Two\n```sh\n# no heading\n```\n';
  expect([...anchorsOf(source)]).toEqual(['a-b-c-d', 'two', 'two-1']);
  expect(target('docs/x.md', '../README.md#tests')).toEqual({ path: 'README.md', anchor: 'tests' });
  expect(target('docs/x.md', 'https://example.com/#a')).toBeUndefined();
});

test('every page of docs is linked from the index, and the index from README', () => {
  const index = readPage('docs/README.md');
  const missing = pages
    .filter((page) => page.startsWith('docs/') && page !== 'docs/README.md')
    .filter((page) => !index.includes(`](${page.slice('docs/'.length)})`));
  expect(missing).toEqual([]);
  expect(readPage('README.md')).toContain('](docs/README.md)');
});

test('the measured table of README is that of the page with its method', () => {
  const rows = [...readPage('README.md').matchAll(/^\|.*\| +\d+ of \d+ +\|$/gm)].map(([row]) => row);
  expect(rows).toHaveLength(4);
  for (const row of rows) expect(readPage('docs/comparison.md')).toContain(row);
});
