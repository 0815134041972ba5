import 'reflect-metadata';
import { mkdirSync, writeFileSync } from 'node:fs';
import { STATUS_CODES } from 'node:http';
import path from 'node:path';
import { NestFactory } from '@nestjs/core';
import { DocumentBuilder, type OpenAPIObject, SwaggerModule } from '@nestjs/swagger';
import { pino } from 'pino';
import { AppModule } from './app.module.js';
import { readConfig } from './platform/config.js';
import { packageRoot } from './platform/package-root.js';
import { ProblemDto } from './query/problem.dto.js';

/*
 * node dist/openapi.js [FILE]
 *
 * Writes the description of the API, made from the controllers and their DTOs. Nothing is started for it: in preview
 * mode Nest reads the modules and makes no provider. The same sources give the same bytes.
 */

type Operation = NonNullable<OpenAPIObject['paths'][string]['get']>;

const methods = ['get', 'put', 'post', 'patch', 'delete'] as const;

/** What any operation may answer instead. Which of them a route adds to says the route itself. */
const refusals = {
  400: 'The request cannot be understood: a parameter given twice, a cursor that is not of this list.',
  401: 'There is no valid API key.',
  403: 'The key may not do this.',
  404: 'There is no such thing, or it is not for this key to see.',
  422: 'A value is not what it must be.',
  429: 'Too much at once; Retry-After says when to try again.',
  500: 'Something went wrong here.',
  503: 'The service cannot answer now; Retry-After says when to try again.',
};

async function describeApi(): Promise<OpenAPIObject> {
  const config = readConfig({
    DATABASE_URL: 'postgres://preview',
    TIDEMARK_SECRET: 'nothing is signed in preview mode',
  });
  const app = await NestFactory.create(AppModule.with({ config, logger: pino({ enabled: false }) }), {
    preview: true,
    logger: false,
    abortOnError: false,
  });
  const header = new DocumentBuilder()
    .setTitle('Tidemark')
    .setDescription('Keeps the diagnostic snapshots of Go services and shows how memory and goroutines move over time.')
    .setVersion('1')
    .setLicense('Apache-2.0', 'https://www.apache.org/licenses/LICENSE-2.0')
    .addBearerAuth({ type: 'http', scheme: 'bearer', description: 'An API key, tmk_…' }, 'bearer')
    .addBasicAuth(
      { type: 'http', scheme: 'basic', description: 'Any user name, and an API key as the password' },
      'basic',
    )
    .build();
  const document = SwaggerModule.createDocument(app, header, {
    operationIdFactory: (controller, method) => `${controller.replace(/Controller$/, '')}.${method}`,
    extraModels: [ProblemDto],
  });
  for (const [route, item] of Object.entries(document.paths)) {
    for (const method of methods) {
      const operation = item[method];
      if (operation) complete(operation, route);
    }
  }
  return {
    ...document,
    paths: sorted(document.paths),
    components: { ...document.components, schemas: sorted(document.components?.schemas ?? {}) },
  };
}

/** Adds what holds for every route of its sort. */
function complete(operation: Operation, route: string): void {
  const isPublic = !route.startsWith('/api/');
  operation.security = isPublic ? [] : [{ bearer: [] }, { basic: [] }];
  if (isPublic) return;
  const places = new Set<string>();
  for (const parameter of operation.parameters ?? []) {
    if (!('in' in parameter)) continue;
    places.add(parameter.in);
    // What has a default may be left out.
    if (parameter.schema && 'default' in parameter.schema) parameter.required = false;
  }
  const takesInput = operation.requestBody !== undefined || places.has('query');
  const about: Partial<Record<string, boolean>> = {
    400: takesInput,
    404: places.has('path') || places.has('query'),
    422: takesInput,
  };
  for (const [status, description] of Object.entries(refusals)) {
    if (about[status] ?? true) operation.responses[status] ??= { description };
  }
  const forPprof = route.endsWith('/profile.pb.gz');
  for (const [status, response] of Object.entries(operation.responses)) {
    if (!response || '$ref' in response) continue;
    if (response.description === '') response.description = STATUS_CODES[status] ?? status;
    if (Number(status) >= 400) response.content = forPprof ? textProblem : jsonProblem;
  }
}

const jsonProblem = { 'application/problem+json': { schema: { $ref: '#/components/schemas/ProblemDto' } } };
/** `go tool pprof` shows no other (see PprofRoute). */
const textProblem = { 'text/plain': { schema: { type: 'string' } } };

function sorted<T>(record: Record<string, T>): Record<string, T> {
  return Object.fromEntries(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1)));
}

const file = process.argv[2] ?? path.join(packageRoot, 'openapi', 'openapi.json');
mkdirSync(path.dirname(file), { recursive: true });
writeFileSync(file, `${JSON.stringify(await describeApi(), null, 2)}\n`);
