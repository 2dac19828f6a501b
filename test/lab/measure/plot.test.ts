import { expect, describe, test } from 'vitest';
import { duration, ticks } from './axis.ts';
import { plotSvg } from './plot-svg.ts';
import { plotTerminal, terminalColours } from './plot-terminal.ts';

const even = (count: number, perSecond: number, from = 0): number[] =>
  Array.from({ length: count }, (_, n) => from + (n * 1000) / perSecond);

const limit = { limit: 100, perMs: 5000 };

describe('the terminal plot', () => {
  test('draws a run that keeps its limit under the line', () => {
    const plot = plotTerminal({ times: even(151, 10), limit, width: 60, height: 6, title: 'half of it' });
    expect(plot).toBe(
      [
        'half of it',
        'req/s',
        ' 24.4 ┤',
        '   20 ┤┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄ limit 20/s',
        '      │',
        '      │▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂▂',
        '      │█████████████████████████████████████████',
        '      │█████████████████████████████████████████',
        '    0 └─────────────────────────────────────────',
        '       0                                    15 s',
      ].join('\n'),
    );
  });

  test('hatches what is above the limit, so that it shows without colours', () => {
    const over = plotTerminal({ times: [...even(100, 20), ...even(200, 60, 5000)], limit });
    expect(over).toContain('▓');
    expect(plotTerminal({ times: even(300, 20), limit })).not.toContain('▓');
  });

  test('is as wide and high as asked', () => {
    for (const width of [40, 80, 133]) {
      const lines = plotTerminal({ times: even(500, 40), limit, width, height: 7 }).split('\n');
      expect(lines).toHaveLength(7 + 3);
      expect(Math.max(...lines.map((line) => line.length))).toBe(width);
    }
  });

  test('holds escape codes only when colours are asked for', () => {
    const plot = { times: even(100, 20), limit };
    expect(plotTerminal(plot)).not.toContain('\x1b');
    const coloured = plotTerminal({ ...plot, colour: true });
    // oxlint-disable-next-line no-control-regex -- the codes are what is looked for
    expect(coloured.replaceAll(/\x1b\[\d+m/g, '')).toBe(plotTerminal(plot));
    expect(coloured).toContain('\x1b[36m');
  });

  test('says so when there is nothing to draw', () => {
    expect(plotTerminal({ times: [], title: 'empty' })).toBe('empty\nnothing to plot: 0 request(s)');
    expect(plotTerminal({ times: [3], limit })).toBe('nothing to plot: 1 request(s)');
  });

  test('uses colours only on a terminal, and never with NO_COLOR', () => {
    expect(terminalColours({ isTTY: true }, {})).toBe(true);
    expect(terminalColours({}, {})).toBe(false);
    expect(terminalColours({ isTTY: true }, { NO_COLOR: '1' })).toBe(false);
    expect(terminalColours({ isTTY: true }, { TERM: 'dumb' })).toBe(false);
  });
});

describe('the SVG plot', () => {
  const svg = plotSvg({ times: even(1000, 20), limit, title: 'Rate <20/s> & more' });

  test('closes every element it opens', () => {
    const open: string[] = [];
    for (const [, slash, name = '', selfClosed] of svg.matchAll(/<(\/?)([a-z]+)[^<>]*?(\/?)>/g)) {
      if (slash) expect(open.pop()).toBe(name);
      else if (!selfClosed) open.push(name);
    }
    expect(open).toEqual([]);
  });

  test('names title, counts and limit, escaped', () => {
    expect(svg).toContain('Rate &lt;20/s&gt; &amp; more');
    expect(svg).toContain('1000 requests, worst window 100 of 100 per 5 s');
    expect(svg).toContain('limit 100 per 5 s');
  });

  test('stands on its own, in light and in dark', () => {
    expect(svg.replace('http://www.w3.org/2000/svg', '')).not.toMatch(/https?:|href|url\(/);
    expect(svg).toContain('prefers-color-scheme: dark');
    expect(svg).not.toMatch(/NaN|Infinity|undefined/);
  });

  test('does not grow with the number of arrivals', () => {
    const large = plotSvg({
      times: even(200_000, 5000),
      limit: { limit: 5000, perMs: 1000 },
      title: 'large',
    });
    expect(large.length).toBeLessThan(64_000);
  });

  test('draws a peak of one window as high as it was', () => {
    const times = [...even(100, 20), ...even(100, 10_000, 4000), ...even(100, 20, 20_000)];
    expect(plotSvg({ times, limit, title: 'peak' })).toMatch(/worst window 200 of 100/);
  });

  test('is a valid picture even without arrivals', () => {
    for (const times of [[], [7]]) {
      const empty = plotSvg({ times, limit, title: 'nothing' });
      expect(empty).toContain(`${times.length} requests`);
      expect(empty).not.toMatch(/NaN|Infinity|undefined/);
    }
  });
});

test('ticks are round numbers within the axis', () => {
  expect(ticks(115, 5)).toEqual([0, 50, 100]);
  expect(ticks(0.35, 4)).toEqual([0, 0.1, 0.2, 0.3]);
  expect(ticks(0, 5)).toEqual([0]);
});

test('durations are written in the unit a reader would choose', () => {
  expect([250, 1000, 2500, 60_000, 3_600_000].map(duration)).toEqual([
    '250 ms',
    '1 s',
    '2.5 s',
    '60 s',
    '1 h',
  ]);
});
