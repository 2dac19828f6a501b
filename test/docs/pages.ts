import { globSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { workspace } from '../lab/processes.ts';

/** A fenced block of a page. */
export type Block = {
  page: string;
  /** Of its first fence, from 1. */
  line: number;
  language: string;
  text: string;
  /** The HTML comment right before it: `not run: …`, `terminal: …`, `file: …`, `prints`. */
  note: string | undefined;
};

/** What a reader of the repository finds: README, docs, and the READMEs of the packages. Relative to the workspace. */
export const pages: string[] = [
  'README.md',
  'ARCHITECTURE.md',
  'UPGRADING.md',
  ...globSync(['docs/*.md', 'packages/*/README.md'], { cwd: workspace }).sort(),
];

/** @param page relative to the workspace, or absolute */
export const readPage = (page: string): string => readFileSync(resolve(workspace, page), 'utf8');

/** The fenced blocks of a page, in order. Pure. */
export function blocksOf(page: string, source: string): Block[] {
  const blocks: Block[] = [];
  const fence = /(?:^<!-- ([^\n]*?) -->\n\s*)?^```(\w*)\n(.*?)^```$/gms;
  for (const match of source.matchAll(fence)) {
    const [, note, language = '', text = ''] = match;
    const line = source.slice(0, match.index).split('\n').length;
    blocks.push({ page, line, language, text, note });
  }
  return blocks;
}

/** The anchors of a page's headings, as GitHub makes them. Pure. */
export function anchorsOf(source: string): Set<string> {
  const anchors = new Set<string>();
  const prose = source.replaceAll(/^```.*?^```$/gms, '');
  for (const [, title = ''] of prose.matchAll(/^#{1,6} (.+)$/gm)) {
    const plain = title.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase();
    const anchor = plain
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .trim()
      .replaceAll(' ', '-');
    let free = anchor;
    for (let n = 1; anchors.has(free); n++) free = `${anchor}-${n}`;
    anchors.add(free);
  }
  return anchors;
}
