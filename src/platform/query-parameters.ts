import { createParamDecorator, type ExecutionContext, type Type } from '@nestjs/common';
import { ApiQuery } from '@nestjs/swagger';
import { plainToInstance } from 'class-transformer';
import { validateSync } from 'class-validator';
import type { Request } from 'express';
import { Problem, type ProblemError } from './problem.js';

/**
 * A parameter of a handler that takes the whole query string as an instance of a DTO, validated, and documents it.
 *
 * `@Query()` cannot do it, because filters by label come as any number of parameters of the form `label.<name>=value`
 * (`base_label.<name>` and `target_label.<name>` in a diff); they are gathered into the DTO's `labels`, `base_labels`
 * and `target_labels` where it has such a field. A parameter given twice is refused: which of the two a proxy, a cache
 * and this service believe need not be the same one.
 */
export function QueryParameters<T extends object>(dto: Type<T>): ParameterDecorator {
  const read = createParamDecorator((_data: unknown, context: ExecutionContext) =>
    readParameters(dto, context.switchToHttp().getRequest<Request>().query),
  )();
  return (target, key, index) => {
    read(target, key, index);
    ApiQuery({ type: dto })(target, key!, Object.getOwnPropertyDescriptor(target, key!)!);
  };
}

const labelParameter = /^((?:base_|target_)?)label\.(.*)$/s;

/**
 * @throws Problem `duplicate-parameter` (400) or `validation-failed` (422); the pointer `?kind` names a parameter.
 */
export function readParameters<T extends object>(dto: Type<T>, query: Readonly<Record<string, unknown>>): T {
  const plain: [string, string][] = [];
  const gathered = new Map<string, [string, string][]>();
  for (const [name, value] of Object.entries(query)) {
    if (typeof value !== 'string') throw duplicate(name);
    // "kind=" is how forms and templates say that they have no kind.
    if (value === '') continue;
    const [, side, label] = labelParameter.exec(name) ?? [];
    if (label === undefined) plain.push([name, value]);
    else gathered.set(`${side}labels`, [...(gathered.get(`${side}labels`) ?? []), [label, value]]);
  }
  // fromEntries defines properties, so that __proto__ is a name like any other.
  const instance = plainToInstance(dto, Object.fromEntries(plain), { exposeDefaultValues: true });
  for (const [name, labels] of gathered) Object.assign(instance, { [name]: Object.fromEntries(labels) });
  // What the transformer leaves out for safety was given all the same.
  const left = plain.find(([name]) => !Object.hasOwn(instance, name));
  if (left) throw invalid([{ pointer: `?${left[0]}`, code: 'unknown', detail: `${left[0]} is no parameter` }]);
  const faults = validateSync(instance, { whitelist: true, forbidNonWhitelisted: true, forbidUnknownValues: true });
  if (faults.length > 0) {
    const errors = faults.flatMap(({ property, constraints }): ProblemError[] =>
      Object.entries(constraints ?? { invalid: `${property} is not valid` }).map(([code, detail]) => ({
        pointer: `?${property}`,
        code: kebab(code),
        detail,
      })),
    );
    throw invalid(errors);
  }
  return instance;
}

function invalid(errors: readonly ProblemError[]): Problem {
  return new Problem('validation-failed', errors.map(({ detail }) => detail).join('; '), { errors });
}

function duplicate(name: string): Problem {
  return new Problem('duplicate-parameter', `The parameter ${JSON.stringify(name)} was given more than once.`, {
    errors: [{ pointer: `?${name}`, code: 'duplicate-parameter' }],
  });
}

function kebab(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
