import { type JsonLimits, jsonLimits } from '../json/limits.js';

export interface ExpvarLimits extends JsonLimits {
  /** Numeric variables besides memstats that are kept of one document; further ones are counted, not refused. */
  readonly keptVariables: number;
  /** Variables with a longer name (in UTF-16 units) are counted among those left out. */
  readonly variableNameLength: number;
}

export const expvarLimits: ExpvarLimits = { ...jsonLimits, keptVariables: 256, variableNameLength: 256 };
