import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { parse } from 'yaml';
import { readConfig, variables } from '../../src/platform/config.js';
import { packageRoot } from '../../src/platform/package-root.js';

/*
 * There is no container engine where the tests run; this keeps the deployment files from naming what is not there.
 */

interface Service {
  readonly build?: string;
  readonly image?: string;
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly ports?: readonly string[];
  readonly volumes?: readonly string[];
  readonly depends_on?: Readonly<Record<string, { condition: string }>>;
  readonly healthcheck?: { readonly test: readonly string[] };
}

const read = (file: string) => readFileSync(path.join(packageRoot, file), 'utf8');
const compose = parse(read('docker-compose.yml'), { merge: true }) as {
  services: Record<string, Service>;
  volumes: Record<string, unknown>;
};
const services = Object.entries(compose.services);
const ours = services.filter(([, service]) => service.build === '.');
const dockerfile = read('Dockerfile');

describe('docker-compose.yml', () => {
  it('runs API, worker and migration from one image, with PostgreSQL and Redis', () => {
    expect(services.map(([name]) => name).sort()).toEqual(['api', 'migrate', 'postgres', 'redis', 'worker']);
    expect(ours.map(([name]) => name).sort()).toEqual(['api', 'migrate', 'worker']);
  });

  it.each(ours)('%s sets only variables that are read, to values that are accepted', (_name, { environment = {} }) => {
    for (const name of Object.keys(environment)) expect(variables).toContain(name);
    const filledIn = Object.fromEntries(
      Object.entries(environment).map(([name, value]) => [
        name,
        value.replace(/\$\{\w+(?::([?-])([^}]*))?\}/g, (_match, kind, text) => (kind === '-' ? text : 'filled-in')),
      ]),
    );
    const config = readConfig({ ...filledIn, TIDEMARK_SECRET: 'x'.repeat(32) });
    expect(config.redisUrl).toBe('redis://redis:6379');
  });

  it.each(ours)('%s starts a file that the build makes', (_name, { command = [] }) => {
    const [program, file] = command;
    expect(program).toBe('node');
    expect(existsSync(path.join(packageRoot, file.replace(/^dist\/(.*)\.js$/, 'src/$1.ts')))).toBe(true);
  });

  it.each(services)(
    '%s depends on services that are there, and waits for those with a health check',
    (_name, service) => {
      for (const [name, { condition }] of Object.entries(service.depends_on ?? {})) {
        expect(compose.services).toHaveProperty(name);
        if (condition === 'service_healthy') expect(compose.services[name].healthcheck).toBeDefined();
      }
      for (const volume of service.volumes ?? []) {
        const [source] = volume.split(':');
        if (source.startsWith('./')) expect(existsSync(path.join(packageRoot, source))).toBe(true);
        else expect(compose.volumes).toHaveProperty(source);
      }
    },
  );

  it('publishes and probes the port that the API listens on', () => {
    const { ports, environment, healthcheck } = compose.services.api;
    const byDefault = readConfig({ DATABASE_URL: 'postgres://x', TIDEMARK_SECRET: 'x'.repeat(32) }).port;
    expect(ports).toEqual([`127.0.0.1:${byDefault}:${environment!.TIDEMARK_PORT}`]);
    expect(healthcheck!.test.join(' ')).toContain(`127.0.0.1:${environment!.TIDEMARK_PORT}/readyz`);
    expect(dockerfile).toContain(`EXPOSE ${byDefault}`);
  });

  it('probes the port on which the worker tells how it is doing', () => {
    const { environment, healthcheck } = compose.services.worker;
    expect(healthcheck!.test.join(' ')).toContain(`127.0.0.1:${environment!.TIDEMARK_WORKER_PORT}/readyz`);
  });

  it('gives the owner of the schema to the migration alone', () => {
    const knowing = services.filter(([, { environment }]) => environment && 'MIGRATION_DATABASE_URL' in environment);
    expect(knowing.map(([name]) => name)).toEqual(['migrate']);
  });

  it('makes the two roles that the URLs name, neither of them mighty', () => {
    const script = read('docker/create-roles.sh');
    for (const [, { environment = {} }] of ours) {
      for (const url of [environment.DATABASE_URL, environment.MIGRATION_DATABASE_URL].filter(Boolean)) {
        const [, role] = /^postgres:\/\/(\w+):/.exec(url)!;
        expect(script).toMatch(
          new RegExp(`create role ${role} +login nosuperuser nobypassrls nocreatedb nocreaterole`),
        );
      }
    }
  });
});

describe('Dockerfile', () => {
  it('copies what is there and what .dockerignore lets through', () => {
    const allowed = read('.dockerignore')
      .split('\n')
      .filter((line) => line.startsWith('!'))
      .map((line) => line.slice(1));
    const copied = [...dockerfile.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(([, sources]) => sources.split(' '));
    expect(copied.length).toBeGreaterThan(5);
    for (const source of copied) {
      expect(existsSync(path.join(packageRoot, source))).toBe(true);
      expect(allowed).toContain(source);
    }
  });

  it('runs as an unprivileged user, and what package.json names', () => {
    expect(dockerfile).toMatch(/^USER node$/m);
    const { bin } = JSON.parse(read('package.json')) as { bin: Record<string, string> };
    for (const file of Object.values(bin)) expect(existsSync(path.join(packageRoot, file))).toBe(true);
  });

  it('sets only variables that are read', () => {
    for (const [, name] of dockerfile.matchAll(/\b([A-Z_]+)=/g)) expect([...variables, 'NODE_ENV']).toContain(name);
  });
});

describe('docs/configuration.md', () => {
  it('describes every variable, and no other', () => {
    const described = [...read('docs/configuration.md').matchAll(/^\| `([A-Z_]+)` +\|/gm)].map(([, name]) => name);
    expect(described.sort()).toEqual([...variables].sort());
  });
});
