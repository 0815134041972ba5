import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { packageRoot } from '../../src/platform/package-root.js';
import { problems } from '../../src/platform/problem.js';

interface Operation {
  summary?: string;
  operationId: string;
  security: object[];
  parameters?: { name: string; in: string; description?: string }[];
  responses: Record<string, { description: string; content?: Record<string, { schema: object }> }>;
}

interface Description {
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, { enum?: string[] }>; securitySchemes: object };
}

const committed = path.join(packageRoot, 'openapi', 'openapi.json');
const described = JSON.parse(readFileSync(committed, 'utf8')) as Description;
const operations = Object.entries(described.paths).flatMap(([route, item]) =>
  Object.entries(item).map(([method, operation]) => [`${method.toUpperCase()} ${route}`, operation] as const),
);

test('openapi.json is what the controllers say now (npm run openapi writes it)', () => {
  // Made from the compiled sources: their comments get into the DTOs at compile time.
  const script = path.join(packageRoot, 'dist', 'openapi.js');
  if (!existsSync(script)) throw new Error('run "npm run build" first, as "npm test" does');
  const folder = mkdtempSync(path.join(os.tmpdir(), 'tidemark-openapi-'));
  try {
    const made = path.join(folder, 'openapi.json');
    execFileSync(process.execPath, [script, made], { env: {}, stdio: ['ignore', 'inherit', 'inherit'] });
    expect(readFileSync(made, 'utf8')).toBe(readFileSync(committed, 'utf8'));
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('every route has a summary and a name of its own', () => {
  const names = operations.map(([, { operationId }]) => operationId);
  expect(new Set(names).size).toBe(names.length);
  for (const [, operation] of operations) expect(operation).toMatchObject({ summary: expect.stringMatching(/./) });
});

test.each(operations)('%s says who may, what comes, and what may come instead', (route, operation) => {
  expect(operation.security).toEqual([{ bearer: [] }, { basic: [] }]);
  const statuses = Object.keys(operation.responses);
  expect(statuses).toEqual(expect.arrayContaining(['401', '403', '429', '500', '503']));
  expect(statuses.some((status) => status.startsWith('2'))).toBe(true);
  for (const [status, { description, content }] of Object.entries(operation.responses)) {
    expect(description).not.toBe('');
    if (Number(status) < 400) continue;
    const form = route.endsWith('profile.pb.gz') ? 'text/plain' : 'application/problem+json';
    expect(Object.keys(content ?? {})).toEqual([form]);
  }
});

test('the codes of problems are the closed list', () => {
  expect(described.components.schemas.ProblemCode.enum).toEqual(Object.keys(problems));
});
