import { Problem } from '../platform/problem.js';
import { readParameters } from '../platform/query-parameters.js';
import { requireInstanceName, requireServiceName } from '../tenants/services.js';
import { CaptureQueryDto } from './capture.dto.js';

/** The parameters of a capture, from the query and from the fields of a form. */
export class CaptureParameters {
  private readonly fields = new Map<string, string>();
  private settled: (CaptureQueryDto & { service: string }) | null = null;

  constructor(private readonly query: Readonly<Record<string, unknown>>) {}

  /** @throws Problem `duplicate-parameter`, or `validation-failed` for a contradiction or a field that comes too late */
  addField(name: string, value: string): void {
    if (this.settled) throw invalid(name, 'field-after-file', 'must come before the first file');
    if (this.fields.has(name)) {
      throw new Problem('duplicate-parameter', `The field ${shown(name)} was given more than once.`, {
        errors: [{ pointer: pointerTo(name), code: 'duplicate-parameter' }],
      });
    }
    const inQuery = this.query[name];
    if (inQuery !== undefined && inQuery !== '' && value !== '' && inQuery !== value) {
      throw invalid(name, 'contradiction', 'is one thing in the address and another in the form');
    }
    this.fields.set(name, value);
  }

  /**
   * What was said, checked; nothing may be added any more.
   *
   * @throws Problem `duplicate-parameter`, `validation-failed` or `invalid-name`
   */
  settle(): CaptureQueryDto & { service: string } {
    if (this.settled) return this.settled;
    const given = new Map([...Object.entries(this.query), ...[...this.fields].filter(([, value]) => value !== '')]);
    const parameters = readParameters(CaptureQueryDto, Object.fromEntries(given));
    const { service } = parameters;
    if (service === undefined) throw invalid('service', 'required', 'must be given');
    requireServiceName(service);
    requireInstanceName(parameters.instance);
    return (this.settled = Object.assign(parameters, { service }));
  }
}

function invalid(name: string, code: string, reason: string): Problem {
  const detail = `${shown(name)} ${reason}`;
  return new Problem('validation-failed', detail, { errors: [{ pointer: pointerTo(name), code, detail }] });
}

function shown(name: string): string {
  return JSON.stringify(name.slice(0, 200));
}

function pointerTo(name: string): string {
  return `?${name.slice(0, 200)}`;
}
