import { TestEnvironment } from 'jest-environment-node';

/*
 * Jest runs tests in a realm of their own, with typed arrays of their own. What comes from a child process, a thread or
 * the file system is of Node's realm, and `instanceof` would not know it; so the tests use Node's.
 */
const typedArrays = [
  Int8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array,
];

export default class NodeEnvironment extends TestEnvironment {
  constructor(config, context) {
    super(config, context);
    for (const typedArray of typedArrays) this.global[typedArray.name] = typedArray;
  }
}
