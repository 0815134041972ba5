import type { TenantId, Tx } from '../platform/database.js';
import { Problem } from '../platform/problem.js';
import type { Caller } from '../tenants/caller.js';

/** Another request has used the same Idempotency-Key while this one was being recorded. */
class KeyTaken extends Error {}

/** How long an Idempotency-Key is remembered. */
const rememberedFor = `interval '24 hours'`;

export interface IdempotentRequest {
  readonly caller: Caller;
  readonly key: string;
  /** Of all that the request says, and of its bytes: two requests with the same one are the same. */
  readonly fingerprint: Buffer;
}

/**
 * Gives the answer that the first request with this Idempotency-Key got, or does the work and remembers its answer in
 * the same transaction. `inTransaction` is run again when another request has committed with the same key meanwhile.
 *
 * @throws Problem `idempotency-mismatch` when the key was used for another request; whatever the work throws, and then
 *   nothing is remembered, so that the client may try again
 */
export async function answerOnce<Answer>(
  inTransaction: <T>(work: (tx: Tx) => Promise<T>) => Promise<T>,
  request: IdempotentRequest | null,
  work: (tx: Tx) => Promise<{ answer: Answer; uploadId: string }>,
): Promise<{ answer: Answer; replayed: boolean }> {
  const attempt = () =>
    inTransaction(async (tx) => {
      if (request === null) return { answer: (await work(tx)).answer, replayed: false };
      const earlier = await findAnswer<Answer>(tx, request);
      if (earlier && !earlier.fingerprint.equals(request.fingerprint)) {
        throw new Problem('idempotency-mismatch', 'This Idempotency-Key was used for another upload within 24 hours.');
      }
      if (earlier) return { answer: earlier.response, replayed: true };
      const { answer, uploadId } = await work(tx);
      await rememberAnswer(tx, request, uploadId, answer);
      return { answer, replayed: false };
    });
  try {
    return await attempt();
  } catch (error) {
    // The other one has committed, so this time its answer is found.
    if (error instanceof KeyTaken) return attempt();
    throw error;
  }
}

async function findAnswer<Answer>(
  tx: Tx,
  { caller: { tenantId, keyId }, key }: IdempotentRequest,
): Promise<{ fingerprint: Buffer; response: Answer } | undefined> {
  const [answer] = await tx.query<{ fingerprint: Buffer; response: Answer }[]>(
    `select fingerprint, response from idempotency
      where tenant_id = $1 and key_id = $2 and idempotency_key = $3 and created_at > now() - ${rememberedFor}`,
    [tenantId, keyId, key] satisfies [TenantId, string, string],
  );
  return answer;
}

async function rememberAnswer(
  tx: Tx,
  { caller: { tenantId, keyId }, key, fingerprint }: IdempotentRequest,
  uploadId: string,
  answer: unknown,
): Promise<void> {
  const remembered = await tx.query<unknown[]>(
    `insert into idempotency (tenant_id, key_id, idempotency_key, fingerprint, upload_id, response)
     values ($1, $2, $3, $4, $5, $6)
     on conflict (tenant_id, key_id, idempotency_key) do update
       set fingerprint = excluded.fingerprint, upload_id = excluded.upload_id, response = excluded.response,
           created_at = now()
       where idempotency.created_at <= now() - ${rememberedFor}
     returning key_id`,
    [tenantId, keyId, key, fingerprint, uploadId, answer],
  );
  if (remembered.length === 0) throw new KeyTaken();
}
