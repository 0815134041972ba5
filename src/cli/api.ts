import { CliFailure, type ExitReason } from './failure.js';

/** Where the server is and who asks. */
export interface Connection {
  readonly url: string;
  readonly key: string;
}

export interface ApiRequest {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
  readonly json?: unknown;
  readonly body?: Uint8Array | FormData;
  readonly headers?: Readonly<Record<string, string>>;
}

interface ProblemBody {
  readonly title?: string;
  readonly detail?: string;
  readonly errors?: readonly { readonly pointer?: string; readonly detail?: string; readonly code?: string }[];
}

/** A thin client of the REST API: problems become failures with the right exit code. */
export class Api {
  constructor(private readonly connection: Connection) {}

  async json<T>(path: string, request: ApiRequest = {}): Promise<T> {
    return (await (await this.fetch(path, request)).json()) as T;
  }

  async text(path: string, request: ApiRequest = {}): Promise<string> {
    return (await this.fetch(path, request)).text();
  }

  async bytes(path: string, request: ApiRequest = {}): Promise<Uint8Array> {
    return new Uint8Array(await (await this.fetch(path, request)).arrayBuffer());
  }

  /** Every row of a paged list. */
  async *rows<T>(path: string, query: ApiRequest['query'] = {}): AsyncGenerator<T> {
    let cursor: string | undefined;
    do {
      const page = await this.json<{ rows: T[]; next: string | null }>(path, { query: { ...query, cursor } });
      yield* page.rows;
      cursor = page.next ?? undefined;
    } while (cursor !== undefined);
  }

  private async fetch(path: string, request: ApiRequest): Promise<Response> {
    const url = new URL(path, this.connection.url);
    for (const [name, value] of Object.entries(request.query ?? {})) {
      if (value !== undefined) url.searchParams.set(name, String(value));
    }
    const headers: Record<string, string> = { authorization: `Bearer ${this.connection.key}`, ...request.headers };
    if (request.json !== undefined) headers['content-type'] = 'application/json';
    let response: Response;
    try {
      response = await fetch(url, {
        method: request.method ?? 'GET',
        headers,
        body: request.json === undefined ? request.body : JSON.stringify(request.json),
      });
    } catch (cause) {
      throw new CliFailure(
        'unavailable',
        `No answer from ${url.origin}. Is it running? (npm start, or set TIDEMARK_URL)`,
        {
          cause,
        },
      );
    }
    if (!response.ok) throw await failureOf(response);
    return response;
  }
}

async function failureOf(response: Response): Promise<CliFailure> {
  const text = await response.text();
  const reason = reasonOf(response.status);
  if (!response.headers.get('content-type')?.includes('json')) {
    return new CliFailure(reason, `${response.status} ${response.statusText}: ${text.trim().slice(0, 500)}`);
  }
  const problem = JSON.parse(text) as ProblemBody;
  const errors = (problem.errors ?? []).map((e) => `\n  ${e.pointer ?? ''} ${e.detail ?? e.code ?? ''}`).join('');
  return new CliFailure(reason, `${problem.title ?? response.statusText}: ${problem.detail ?? ''}${errors}`);
}

function reasonOf(status: number): ExitReason {
  if (status === 401 || status === 403) return 'noPermission';
  if (status === 429 || status >= 500) return 'unavailable';
  return 'failed';
}
