// The tables.
import { figuresOf, twinsOf } from './figures.mjs';
import { areaUnderCurve, grouped, meanOf, thresholdFor } from './statistics.mjs';

const share = ({ mean, low, high }) => (Number.isNaN(mean) ? '-' : `${two(mean)} [${two(low)}, ${two(high)}]`);
const two = (value) => (value >= 0.995 ? '1.0' : value.toFixed(2).replace(/^0/, ''));

export class Report {
  #text = [];

  heading(title) {
    this.#text.push(`\n### ${title}\n`);
  }

  note(text) {
    this.#text.push(`${text}\n`);
  }

  table(head, rows) {
    const widths = head.map((cell, i) => Math.max(cell.length, ...rows.map((row) => String(row[i]).length)));
    const line = (cells) => `| ${cells.map((cell, i) => String(cell).padEnd(widths[i])).join(' | ')} |`;
    this.#text.push(
      [line(head), `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`, ...rows.map(line)].join('\n'),
    );
    this.#text.push('');
  }

  toString() {
    return this.#text.join('\n');
  }
}

/** What is drawn anew for an interval: variants of a program, or of a service, are no new evidence. */
const clustersOf = { injected: ['project', 'hostProject'], injectedHeap: ['project', 'hostProject'] };

function clusters(rows) {
  return clustersOf[rows[0]?.suite] ?? ['project'];
}

export function injectedTable(report, rows, rankers) {
  const of = rows.filter((row) => row.suite === 'injected' && row.findsGoroutines);
  if (of.length === 0) return;
  const programs = new Set(of.map((row) => row.program)).size;
  const hosts = new Set(of.map((row) => row.host)).size;
  report.heading(`Goroutine leaks in healthy services: ${programs} programs × ${hosts} services`);
  const head = ['ranker', 'K', 'r', 'P@1', 'P@3', 'recall@5', 'MRR', '≥ probable', 'windows'];
  const body = [];
  for (const ranker of rankers) {
    for (const length of unique(of, 'length')) {
      for (const r of [...unique(of, 'share')].sort((a, b) => a - b)) {
        const part = of.filter((row) => row.ranker === ranker && row.length === length && row.share === r);
        body.push([ranker, length, r, ...goroutineFigures(part), part.length]);
      }
    }
  }
  report.table(head, body);

  const byVariant = [];
  for (const ranker of rankers) {
    for (const variant of unique(of, 'variant')) {
      for (const length of unique(of, 'length')) {
        const part = of.filter((row) => row.ranker === ranker && row.variant === variant && row.length === length);
        byVariant.push([ranker, variant, length, ...goroutineFigures(part), part.length]);
      }
    }
  }
  report.note('By where the window stands in the life of the leak:');
  report.table(['ranker', 'window', 'K', 'P@1', 'P@3', 'recall@5', 'MRR', '≥ probable', 'windows'], byVariant);
}

/** A baseline has scores, but nothing that it stands by. */
function hasTiers(rows) {
  return rows.some((row) => row.ranker.startsWith('tidemark'));
}

function goroutineFigures(rows) {
  return kindFigures(rows, 'goroutine');
}

function kindFigures(rows, kind) {
  return [
    share(meanOf(rows, (row) => Number(row[kind].rank === 1), clusters(rows))),
    share(meanOf(rows, (row) => Number(row[kind].rank >= 1 && row[kind].rank <= 3), clusters(rows))),
    share(meanOf(rows, (row) => row[kind].recall5, clusters(rows))),
    share(meanOf(rows, (row) => (row[kind].rank === 0 ? 0 : 1 / row[kind].rank), clusters(rows))),
    hasTiers(rows) ? share(meanOf(rows, (row) => Number(row[kind].probable), clusters(rows))) : '',
  ];
}

/** Leaks of memory, as large as they were recorded. */
export function injectedHeapTable(report, rows, rankers) {
  const of = rows.filter((row) => row.suite === 'injectedHeap');
  if (of.length === 0) return;
  const programs = new Set(of.map((row) => row.program)).size;
  const hosts = new Set(of.map((row) => row.host)).size;
  report.heading(`Heap leaks in healthy services: ${programs} programs × ${hosts} services`);
  for (const [kind, title] of [
    ['heap', 'By the function to open:'],
    ['heapStack', 'By any frame of the stack:'],
  ]) {
    const body = [];
    for (const ranker of rankers) {
      for (const length of unique(of, 'length')) {
        const part = of.filter((row) => row.ranker === ranker && row.length === length);
        body.push([ranker, length, ...kindFigures(part, kind), part.length]);
      }
    }
    report.note(title);
    report.table(['ranker', 'K', 'P@1', 'P@3', 'recall@5', 'MRR', '≥ probable', 'windows'], body);
  }
}

export function naturalTable(report, rows, rankers) {
  const of = rows.filter((row) => row.suite === 'natural');
  for (const [kind, title, finds] of [
    ['goroutine', 'Goroutine leaks, services as recorded', 'findsGoroutines'],
    ['heap', 'Heap leaks, services as recorded, by the function to open', 'findsHeap'],
    ['heapStack', 'Heap leaks, by any frame of the stack', 'findsHeap'],
  ]) {
    const some = of.filter((row) => row[finds]);
    if (some.length === 0) continue;
    report.heading(`${title}: ${new Set(some.map((row) => row.program)).size} programs`);
    const body = [];
    for (const ranker of rankers) {
      for (const length of unique(some, 'length')) {
        const part = some.filter((row) => row.ranker === ranker && row.length === length);
        body.push([ranker, length, ...kindFigures(part, kind), part.length]);
      }
    }
    report.table(['ranker', 'K', 'P@1', 'P@3', 'recall@5', 'MRR', '≥ probable', 'windows'], body);
  }
}

/** Suspects in services without leaks, and what is still found at a bound on them. */
export function falseAlarmTable(report, rows, rankers) {
  for (const suite of ['healthy', 'fixed']) {
    const of = rows.filter((row) => row.suite === suite);
    if (of.length === 0) continue;
    const recordings = new Set(of.map((row) => row.host)).size;
    const projects = new Set(of.map((row) => row.hostProject)).size;
    report.heading(
      suite === 'healthy'
        ? `False alarms: ${recordings} recordings of ${projects} healthy projects (their windows overlap)`
        : `False alarms: ${recordings} repaired programs`,
    );
    const lengths = unique(of, 'length').sort((a, b) => (a === 'all' ? 99 : a) - (b === 'all' ? 99 : b));
    const figures = ['alarms', 'goroutineAlarms', 'heapAlarms'];
    const body = [];
    for (const ranker of rankers.filter((name) => name.startsWith('tidemark'))) {
      const ofRanker = of.filter((row) => row.ranker === ranker);
      for (const length of ['any', ...lengths]) {
        const part = ofRanker.filter((row) => length === 'any' || row.length === length);
        const cells = figures.map((figure) => share(meanOf(part, (row) => Number(row[figure] > 0), ['hostProject'])));
        body.push([ranker, length, ...cells, part.length]);
      }
    }
    report.table(['ranker', 'K', 'windows with any ≥ probable', 'goroutine', 'heap', 'windows'], body);
  }
  curveTable(report, rows, rankers);
}

function curveTable(report, rows, rankers) {
  const body = [];
  for (const [kind, top, title, suites] of [
    ['goroutine', 'topGoroutine', 'goroutines, injected', ['injected']],
    ['goroutine', 'topGoroutine', 'goroutines, as recorded', ['natural']],
    ['heapStack', 'topHeap', 'heap, injected', ['injectedHeap']],
    ['heapStack', 'topHeap', 'heap, as recorded', ['natural']],
  ]) {
    const finds = kind === 'goroutine' ? 'findsGoroutines' : 'findsHeap';
    for (const ranker of rankers) {
      const healthy = rows
        .filter((row) => row.ranker === ranker && row.suite === 'healthy' && (row.length === 'all' || row.length >= 6))
        .map((row) => row[top]);
      const leaks = rows.filter(
        (row) =>
          row.ranker === ranker &&
          suites.includes(row.suite) &&
          row[finds] &&
          (row.length === 'all' || row.length >= 6),
      );
      if (healthy.length === 0 || leaks.length === 0) continue;
      const threshold = thresholdFor(healthy, 0.05);
      body.push([
        title,
        ranker,
        two(
          areaUnderCurve(
            leaks.map((row) => row[kind].weight),
            healthy,
          ),
        ),
        share(meanOf(leaks, (row) => Number(row[kind].weight > threshold), clusters(leaks))),
      ]);
    }
  }
  if (body.length === 0) return;
  report.heading('A leak against the worst of a healthy window, by score, K ≥ 6');
  report.table(['what', 'ranker', 'AUC', 'found where 5 % of healthy windows alarm'], body);
}

/** Of a buggy program and the same program repaired: the one is flagged, and the other is not. */
export function twinTable(report, rows, cases, rankers) {
  const body = [];
  for (const ranker of rankers.filter((name) => name.startsWith('tidemark'))) {
    const pairs = twinsOf(
      rows.filter((row) => row.ranker === ranker),
      cases,
    );
    if (pairs.length === 0) continue;
    const of = (what) => share(meanOf(pairs, (pair) => Number(pair[what]), ['project']));
    body.push([ranker, of('flagged'), of('told'), of('silent'), pairs.length]);
  }
  if (body.length === 0) return;
  report.heading('Buggy programs and their repaired twins');
  report.table(['ranker', 'buggy flagged', 'and the fixed not at the label', 'and the fixed silent', 'pairs'], body);
}

/** Snapshots until the label is first, and until the ranking stands by it. */
export function detectionTable(report, rows, rankers) {
  const of = rows.filter((row) => row.suite === 'prefix');
  if (of.length === 0) return;
  const body = [];
  for (const ranker of rankers) {
    const byProgram = grouped(
      of.filter((row) => row.ranker === ranker),
      (row) => row.program,
    );
    const firsts = { first: [], probable: [] };
    for (const some of byProgram.values()) {
      const sorted = some.sort((a, b) => a.length - b.length);
      const best = (row) => [row.goroutine.rank, row.heapStack.rank].includes(1);
      firsts.first.push(lastingFrom(sorted, best));
      firsts.probable.push(lastingFrom(sorted, (row) => row.goroutine.probable || row.heapStack.probable));
    }
    body.push([ranker, ...quartiles(firsts.first), ...quartiles(firsts.probable), byProgram.size]);
  }
  report.heading('Snapshots until a leak is found, and stays so (of at most 12, from the start of the recording)');
  const cells = ['median', '90 %', 'never'];
  report.table(
    ['ranker', ...cells.map((cell) => `first: ${cell}`), ...cells.map((cell) => `probable: ${cell}`), 'programs'],
    body,
  );
}

function lastingFrom(rows, holds) {
  let from = Infinity;
  for (let i = rows.length - 1; i >= 0 && holds(rows[i]); i--) from = rows[i].length;
  return from;
}

function quartiles(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (part) => sorted[Math.ceil(part * sorted.length) - 1];
  const shown = (value) => (value === Infinity ? 'never' : value);
  return [shown(at(0.5)), shown(at(0.9)), values.filter((value) => value === Infinity).length];
}

function unique(rows, name) {
  return [...new Set(rows.map((row) => row[name]))];
}

/** What the issue asks for, and what the ranking reaches: the least, or the most where it says so. */
const targets = {
  'goroutine P@1, K=6, r=0.2': 0.9,
  'goroutine P@1, K=6, r=0.05': 0.85,
  'goroutine MRR, K=6': 0.95,
  'goroutine recall@5, K=6': 0.99,
  'goroutine P@1, K=3, r=0.05': 0.6,
  'goroutine P@1, K=3, r=0.2': 0.8,
  'goroutine P@1, K=3, r=1': 0.85,
  'goroutine found ≥ probable, K=6': 0.9,
  'goroutine found ≥ probable, as recorded': 0.9,
  'healthy windows that alarm, K ≥ 6': 0.05,
  'healthy windows that alarm, K ≥ 6, goroutines': 0.05,
  'heap P@1': 0.85,
  'heap P@1, injected, K=6': 0.85,
  'healthy windows that alarm, K ≥ 6, heap': 0.05,
  'twins told apart': 0.95,
};

export function targetTable(report, rows, cases, rankers) {
  const own = rankers.filter((name) => name.startsWith('tidemark'));
  if (own.length === 0) return;
  const figures = own.map((ranker) =>
    figuresOf(
      rows.filter((row) => row.ranker === ranker),
      cases,
    ),
  );
  report.heading('Targets');
  report.table(
    ['figure', 'target', ...own, 'windows'],
    Object.entries(targets)
      .filter(([name]) => figures[0][name] !== undefined)
      .map(([name, target]) => {
        const most = name.includes('alarm');
        const cells = figures.map(({ [name]: { mean } }) => {
          const met = most ? mean <= target : mean >= target;
          return mean.toFixed(3) + (met ? '' : ', **missed**');
        });
        return [name, `${most ? '≤' : '≥'} ${target}`, ...cells, figures[0][name].count];
      }),
  );
}

/** Everything about injected goroutine leaks in one line per ranker and length of window. */
export function summaryTable(report, rows, rankers) {
  const of = rows.filter((row) => row.suite === 'injected' && row.findsGoroutines);
  if (of.length === 0) return;
  const body = [];
  for (const ranker of rankers) {
    for (const length of unique(of, 'length')) {
      const parts = [...unique(of, 'share')]
        .sort((a, b) => a - b)
        .map((r) => of.filter((row) => row.ranker === ranker && row.length === length && row.share === r));
      const cells = ['rank1', 'reciprocal', 'recall5'].map((what) =>
        parts.map((part) => two(meanOf(part, (row) => valueOf(row.goroutine, what), [], 0).mean)).join(' / '),
      );
      body.push([ranker, length, ...cells]);
    }
  }
  const r = [...unique(of, 'share')].sort((a, b) => a - b).join(' / ');
  report.table(['ranker', 'snapshots', `P@1, r = ${r}`, 'MRR', 'recall@5'], body);
}

function valueOf({ rank, recall5 }, what) {
  if (what === 'recall5') return recall5;
  if (rank === 0) return 0;
  return what === 'rank1' ? Number(rank === 1) : 1 / rank;
}
