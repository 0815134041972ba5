import pg from 'pg';
import { DataSource, type EntityManager } from 'typeorm';
import type { PostgresDriver } from 'typeorm/driver/postgres/PostgresDriver.js';
import { PostgresQueryRunner } from 'typeorm/driver/postgres/PostgresQueryRunner.js';

/** The id of an organisation; a plain string does not pass for one. */
export type TenantId = string & { readonly __tenant: unique symbol };

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** Validates a lower-case uuid. @throws TypeError for anything else */
export function asTenantId(value: string): TenantId {
  if (!uuid.test(value)) throw new TypeError('not a tenant id');
  return value as TenantId;
}

/** One open transaction. SQL goes through `tx.query(sql, params)`, which gives rows, but `[rows, count]` for UPDATE and DELETE. */
export type Tx = EntityManager;

export interface DatabaseOptions {
  readonly poolSize?: number;
  readonly applicationName?: string;
  /** A statement that runs longer is cancelled (SQLSTATE 57014). */
  readonly statementTimeoutMillis?: number;
  /** Told about connections that break while idle in the pool; the pool replaces them by itself. */
  readonly onIdleError?: (error: Error) => void;
}

const connectTimeoutMillis = 5_000;
const idleInTransactionMillis = 30_000;
const dateOid = 1082;

/**
 * TypeORM opens a transaction with one round trip for START, one for the isolation level, and the tenant would be a
 * third: more than a whole indexed read costs. This runner sends them as one simple query and keeps TypeORM's own
 * bookkeeping true, so that a nested `tx.transaction()` is a savepoint.
 */
class OneTripRunner extends PostgresQueryRunner {
  async begin(opening: string): Promise<void> {
    await this.query(opening);
    this.isTransactionActive = true;
    this.transactionDepth = 1;
  }

  async queryPrepared(text: string, parameters: unknown[]): Promise<unknown> {
    let name = preparedNames.get(text);
    if (name === undefined) preparedNames.set(text, (name = `prepared_${preparedNames.size}`));
    // TypeORM hands the statement on to `pg` as it is, and `pg` takes one with a name.
    return this.query({ name, text } as unknown as string, parameters);
  }
}

const preparedNames = new Map<string, string>();

/**
 * `tx.query` for the few statements that every upload runs: the server parses and plans them once per connection. The
 * text must be a constant. The plan has to be right for all values, and for tables that were small when it was made.
 */
export async function prepared<T>(tx: Tx, text: string, parameters: unknown[]): Promise<T> {
  return (tx.queryRunner as OneTripRunner).queryPrepared(text, parameters) as Promise<T>;
}

/**
 * The service's connection pool. Everything runs in one short transaction per unit of work, and a transaction belongs
 * to one tenant: row-level security shows it that tenant's rows and no others.
 */
export class Database {
  private constructor(readonly dataSource: DataSource) {}

  /**
   * Connects as the service's own role. `bigint` and `numeric` come back as strings, `date` as 'YYYY-MM-DD', `timestamptz`
   * as Date (milliseconds), `bytea` as Buffer, `jsonb` parsed.
   */
  static async open(url: string, options: DatabaseOptions = {}): Promise<Database> {
    const dataSource = new DataSource({
      type: 'postgres',
      url,
      applicationName: options.applicationName ?? 'tidemark',
      poolSize: options.poolSize ?? 10,
      connectTimeoutMS: connectTimeoutMillis,
      entities: [],
      synchronize: false,
      migrationsRun: false,
      installExtensions: false,
      logging: false,
      invalidWhereValuesBehavior: { null: 'throw', undefined: 'throw' },
      poolErrorHandler: options.onIdleError ?? (() => undefined),
      extra: {
        keepAlive: true,
        statement_timeout: options.statementTimeoutMillis ?? 60_000,
        idle_in_transaction_session_timeout: idleInTransactionMillis,
        // 202 means durable, whatever the server's or the role's default says. And no statement should ever walk a table of
        // all tenants; a plan that was made while the table was small, and was kept, would.
        options: '-c synchronous_commit=on -c timezone=UTC -c enable_seqscan=off',
        types: { getTypeParser },
      },
    });
    await dataSource.initialize();
    return new Database(dataSource);
  }

  /** One read-committed transaction that sees and writes the rows of one tenant. Keep it short. */
  async withTenant<T>(tenantId: TenantId, work: (tx: Tx) => Promise<T>): Promise<T> {
    return this.inTransaction(`begin; ${asTenant(tenantId)}`, work);
  }

  /** One read-only transaction that sees one tenant's rows as of one moment. */
  async readTenant<T>(tenantId: TenantId, work: (tx: Tx) => Promise<T>): Promise<T> {
    return this.inTransaction(`begin isolation level repeatable read read only; ${asTenant(tenantId)}`, work);
  }

  /** One transaction without a tenant: only tenant, api_key, work and work_turn show rows. */
  async acrossTenants<T>(work: (tx: Tx) => Promise<T>): Promise<T> {
    return this.inTransaction('begin', work);
  }

  async close(): Promise<void> {
    await this.dataSource.destroy();
  }

  private async inTransaction<T>(opening: string, work: (tx: Tx) => Promise<T>): Promise<T> {
    const runner = new OneTripRunner(this.dataSource.driver as PostgresDriver, 'master');
    const tx = this.dataSource.createEntityManager(runner);
    Object.assign(runner, { manager: tx });
    try {
      await runner.begin(opening);
      const result = await work(tx);
      await runner.commitTransaction();
      return result;
    } catch (error) {
      // A rollback can only fail because the connection is gone, and then the server has rolled back; what the caller
      // needs to know is the first error. The pool discards a broken connection by itself.
      if (runner.isTransactionActive) await runner.rollbackTransaction().catch(() => undefined);
      throw error;
    } finally {
      await runner.release();
    }
  }
}

/** SET takes no parameters, so the id is checked again here rather than trusted to be what its type says. */
function asTenant(tenantId: TenantId): string {
  return `set local app.tenant = '${asTenantId(tenantId)}'`;
}

function getTypeParser(oid: number, format?: 'text'): unknown {
  // pg turns a date into midnight of this machine's time zone; a day of the roll-ups must stay the day it is.
  return oid === dateOid ? (text: string) => text : (pg.types.getTypeParser(oid, format) as unknown);
}

const connectionErrors = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EHOSTUNREACH',
  '57P01', // admin_shutdown
  '57P02', // crash_shutdown
  '57P03', // cannot_connect_now
  '53300', // too_many_connections
  '25006', // read_only_sql_transaction: a standby, or a server that was demoted
]);
const connectionMessages =
  /timeout exceeded when trying to connect|Connection terminated|connection error and is not queryable|not currently accepting connections|Driver not Connected/;

/** Whether the database, rather than the statement, is what failed: the same request may succeed in a while. */
export function isDatabaseUnavailable(error: unknown): boolean {
  for (let e = error; e instanceof Error; e = (e as { driverError?: unknown }).driverError ?? e.cause) {
    const { code } = e as { code?: unknown };
    if (typeof code === 'string' && (connectionErrors.has(code) || code.startsWith('08'))) return true;
    if (connectionMessages.test(e.message)) return true;
  }
  return false;
}
