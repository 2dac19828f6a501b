/** The colours of `sluice top`, as a terminal on a dark ground shows them. */
const colours: Readonly<Record<number, string>> = {
  31: '#f47067',
  32: '#57ab5a',
  33: '#daaa3f',
  36: '#39c5cf',
};

const ground = '#1c2128';
const ink = '#cdd9e5';
const cell = { width: 8.4, height: 18 };
const margin = 14;

type Style = { bold: boolean; dim: boolean; colour: string };

const plain: Style = { bold: false, dim: false, colour: ink };

function styled(style: Style, code: number): Style {
  if (code === 1) return { ...style, bold: true };
  if (code === 2) return { ...style, dim: true };
  if (code === 22) return { ...style, bold: false, dim: false };
  if (code === 39) return { ...style, colour: ink };
  const colour = colours[code];
  return colour === undefined ? plain : { ...style, colour };
}

const escaped = (text: string) =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

/** One stretch of a line in one style, at its column: the font of a reader may be wider than ours. */
function span(text: string, column: number, line: number, { bold, dim, colour }: Style): string {
  const x = margin + column * cell.width;
  const y = margin + (line + 0.75) * cell.height;
  const looks = `${bold ? ' font-weight="bold"' : ''}${dim ? ' opacity="0.6"' : ''} fill="${colour}"`;
  const width = ` textLength="${(text.length * cell.width).toFixed(1)}"`;
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}"${looks}${width}>${escaped(text)}</text>`;
}

/** What a terminal shows, as an SVG. @param screen its lines, with the codes of bold, dim and colours and no others */
export function svgOf(screen: string, title: string): string {
  const lines = screen.trimEnd().split('\n');
  let columns = 0;
  const spans = lines.flatMap((line, at) => {
    let style = plain;
    let column = 0;
    const found: string[] = [];
    // oxlint-disable-next-line no-control-regex -- that is what is read
    for (const part of line.split(/(\u001b\[[0-9;]*m)/)) {
      if (part.startsWith('\u001b')) {
        for (const code of part.slice(2, -1).split(';')) style = styled(style, Number(code));
        continue;
      }
      // Stretches of spaces are left out.
      for (const { 0: text, index } of part.matchAll(/\S+(?: \S+)*/g)) {
        found.push(span(text, column + index, at, style));
      }
      column += part.length;
    }
    columns = Math.max(columns, column);
    return found;
  });
  const width = Math.ceil(2 * margin + columns * cell.width);
  const height = Math.ceil(2 * margin + lines.length * cell.height);
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img">
<title>${escaped(title)}</title>
<rect width="100%" height="100%" rx="8" fill="${ground}"/>
<g font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace" font-size="14" xml:space="preserve">
${spans.join('\n')}
</g>
</svg>
`;
}
