import type { SampleType } from './stack-profile.js';

/** Asked for a sample type that is not there. */
export class SampleTypeError extends Error {
  override readonly name = 'SampleTypeError';

  constructor(
    readonly asked: string,
    readonly available: readonly string[],
  ) {
    super(
      available.length === 0
        ? 'there is no sample type to choose from'
        : `there is no sample type "${asked}"; there is: ${available.join(', ')}`,
    );
  }
}

/**
 * Number of the sample type to show. Without a name it is the profile's default one if it has that, else the last.
 * `inuse_space` also finds `space`, as older profiles call it (google/pprof profile/index.go, SampleIndexByName; a
 * number is not accepted: it would mean something else in each kind of profile).
 *
 * @throws SampleTypeError listing what there is
 */
export function sampleTypeIndex(types: readonly SampleType[], asked = '', defaultType = ''): number {
  if (asked === '') {
    if (types.length === 0) throw new SampleTypeError(asked, []);
    const byDefault = defaultType === '' ? -1 : types.findIndex(({ type }) => type === defaultType);
    return byDefault >= 0 ? byDefault : types.length - 1;
  }
  const older = asked.replace(/^inuse_/, '');
  const found = types.findIndex(({ type }) => type === asked || type === older);
  if (found >= 0) return found;
  throw new SampleTypeError(
    asked,
    types.map(({ type }) => type),
  );
}
