/** The database was made for another version; the message says what to do. */
export class SchemaError extends Error {
  override readonly name = 'SchemaError';
}
