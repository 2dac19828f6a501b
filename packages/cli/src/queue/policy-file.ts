import { type Document, LineCounter, parseDocument } from 'yaml';
import {
  type Policy,
  SluiceError,
  isObject,
  parse,
  pathText,
  policySchema,
  queueNameSchema,
  validate,
} from '@sluice/shared';
import { reason } from '../reason.ts';

/** The queues of a policy file, in its order. */
export type PolicyFile = Map<string, Policy>;

const code = 'SLUICE_INVALID_POLICY';

/**
 * Reads `queues: { NAME: policy }`, YAML or JSON (which is YAML). Anchors, aliases and `<<` may be used. Top-level
 * fields that begin with `x-` are ignored: they are the place for anchors. Pure.
 * @param file its name, for the faults
 * @throws SluiceError SLUICE_INVALID_POLICY that lists every fault as `file:line: queues.NAME.path: what is wrong`
 */
export function parsePolicyFile(text: string, file: string): PolicyFile {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, merge: true, prettyErrors: false });
  const faults: { line: number; text: string }[] = [];
  const fail = (): never => {
    const inOrder = faults.sort((a, b) => a.line - b.line);
    throw new SluiceError(code, inOrder.map(({ line, text }) => `${file}:${line}: ${text}`).join('\n  '));
  };
  for (const { pos, message } of document.errors) {
    faults.push({ line: lines.linePos(pos[0]).line, text: message });
  }
  if (faults.length > 0) return fail();

  let root: unknown;
  try {
    root = document.toJS();
  } catch (error) {
    // An alias without its anchor, or too many aliases: a small file could expand to gigabytes.
    throw new SluiceError(code, `${file}: ${reason(error)}`);
  }
  if (!isObject(root) || !isObject(root['queues']) || Object.keys(root['queues']).length === 0) {
    const example = 'queues:\n      partner-api:\n        rate: 100/60s';
    throw new SluiceError(code, `${file}: has no queues; write\n    ${example}`);
  }
  const add = (path: (string | number)[], message: string) => {
    faults.push({ line: lineOf(document, lines, path), text: `${pathText(path)}: ${message}` });
  };
  for (const name of Object.keys(root)) {
    if (name !== 'queues' && !name.startsWith('x-')) {
      add([name], 'unknown field; only "queues" and "x-…" are allowed at the top level');
    }
  }
  const policies: PolicyFile = new Map();
  for (const [name, given] of Object.entries(root['queues'])) {
    const bad = parse(queueNameSchema, name).error?.issues[0];
    if (bad !== undefined) add(['queues', name], `a queue's name ${bad.message}`);
    try {
      // A name alone is a queue with the default policy.
      policies.set(name, validate(policySchema, given ?? {}, code, name));
    } catch (error) {
      if (!(error instanceof SluiceError)) throw error;
      for (const fault of error.faults) add(['queues', name, ...fault.parts], fault.message);
    }
  }
  return faults.length > 0 ? fail() : policies;
}

/** The line of the field, or of the nearest one around it (a value that comes from an alias has no line). */
function lineOf(document: Document, lines: LineCounter, path: readonly (string | number)[]): number {
  for (let length = path.length; length > 0; length--) {
    const node = document.getIn(path.slice(0, length), true);
    const range: unknown = isObject(node) ? node['range'] : undefined;
    if (Array.isArray(range)) return lines.linePos(Number(range[0])).line;
  }
  return 1;
}
