import { parseAst } from 'rolldown/parseAst';

/** One field or method, as the page has it. */
export type Member = { name: string; signature: string; text: string; deprecated: boolean };

/** What is read of a node of the syntax tree (ESTree with TypeScript). */
type Node = {
  type: string;
  start: number;
  end: number;
  [field: string]: unknown;
};

/** The comment that ends right before `start`. */
function commentBefore(source: string, start: number): string {
  const before = source.slice(0, start).trimEnd();
  if (!before.endsWith('*/')) return '';
  const comment = before.slice(before.lastIndexOf('/**'));
  return comment
    .replace(/^\/\*\*/, '')
    .replace(/\*\/$/, '')
    .replaceAll(/^\s*\* ?/gm, '')
    .trim();
}

/** A comment as one paragraph. Pure. */
function paragraph(comment: string): string {
  return comment
    .replaceAll(/\{@link (\w+)\}/g, '`$1`')
    .replaceAll(/^@throws\s+/gm, 'Throws ')
    .replaceAll(/@throws\s+/g, 'Throws ')
    .replaceAll(/^@returns\s+/gm, 'Returns ')
    .replaceAll(/^@param (\w+) /gm, '`$1`: ')
    .replaceAll(/@deprecated\s*/g, '')
    .replaceAll(/\s+/g, ' ')
    .replaceAll('<', '&lt;')
    .trim();
}

const oneLine = (text: string) =>
  text
    .replaceAll(/\/\*\*.*?\*\//gs, '')
    .replaceAll(/\s+/g, ' ')
    .replaceAll(' | undefined', '')
    .replaceAll(/\( /g, '(')
    .replaceAll(/,? \)/g, ')')
    .trim();

function bodyOf(declaration: Node): Node[] {
  if (declaration.type === 'TSTypeAliasDeclaration') {
    const alias = declaration['typeAnnotation'] as Node;
    const parts = alias.type === 'TSIntersectionType' ? (alias['types'] as Node[]) : [alias];
    return parts.flatMap((part) => (part.type === 'TSTypeLiteral' ? (part['members'] as Node[]) : []));
  }
  return (declaration['body'] as { body: Node[] }).body;
}

function memberOf(source: string, node: Node): Member | undefined {
  const key = node['key'] as (Node & { name?: string }) | undefined;
  const name = key?.name;
  if (name === undefined || key?.type === 'PrivateIdentifier' || node['kind'] === 'constructor')
    return undefined;
  if (node['accessibility'] === 'private' || node['computed'] === true) return undefined;
  const comment = commentBefore(source, node.start);
  if (comment.includes('@internal')) return undefined;
  const value = node['value'] as Node | null | undefined;
  const body = node.type === 'MethodDefinition' ? (value?.['body'] as Node | null) : null;
  // Of an overloaded method, the overloads.
  const end = body === null || body === undefined ? node.end : body.start;
  const signature = oneLine(source.slice(node.start, end))
    .replace(/^(?:readonly|declare|async|override)\s+/g, '')
    .replace(/^(?:readonly|declare|async|override)\s+/g, '')
    .replace(/^async \*|^\*/, '')
    .replace(/;$/, '');
  return { name, signature, text: paragraph(comment), deprecated: comment.includes('@deprecated') };
}

/**
 * The public fields and methods of an exported interface, type or class; of a function, itself.
 * @throws Error when the source has no such export
 */
export function membersOf(source: string, name: string): Member[] {
  const { body } = parseAst(source, { lang: 'ts' }) as unknown as { body: Node[] };
  for (const statement of body) {
    const declaration = (statement['declaration'] as Node | null | undefined) ?? statement;
    if ((declaration['id'] as { name?: string } | null | undefined)?.name !== name) continue;
    if (declaration.type === 'FunctionDeclaration') {
      const comment = commentBefore(source, statement.start);
      const head = source.slice(declaration.start, (declaration['body'] as Node).start);
      const signature = oneLine(head).replace(/^(?:async )?function /, '');
      return [{ name, signature, text: paragraph(comment), deprecated: false }];
    }
    const members = bodyOf(declaration).flatMap((node) => memberOf(source, node) ?? []);
    const overloaded = new Set(
      members.map((one) => one.name).filter((one, at, all) => all.indexOf(one) !== at),
    );
    // The last of an overloaded method is its implementation, which nobody sees.
    return members.filter(
      (one, at) =>
        !overloaded.has(one.name) || members.findLastIndex(({ name: same }) => same === one.name) !== at,
    );
  }
  throw new Error(`the source exports no ${name}`);
}
