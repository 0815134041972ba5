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
  const given = new Map<string, unknown>();
  for (const [name, value] of Object.entries(query)) {
    if (typeof value !== 'string') throw duplicate(name);
    // "kind=" is how forms and templates say that they have no kind.
    if (value === '') continue;
    const label = labelParameter.exec(name);
    if (!label) given.set(name, value);
    else {
      const gathered = `${label[1]}labels`;
      given.set(gathered, Object.assign(given.get(gathered) ?? Object.create(null), { [label[2]]: value }));
    }
  }
  // fromEntries defines properties, so that a parameter called __proto__ is one, and is refused as unknown.
  const instance = plainToInstance(dto, Object.fromEntries(given), { exposeDefaultValues: true });
  const faults = validateSync(instance, { whitelist: true, forbidNonWhitelisted: true, forbidUnknownValues: true });
  if (faults.length > 0) {
    const errors = faults.flatMap(({ property, constraints }): ProblemError[] =>
      Object.entries(constraints ?? { invalid: `${property} is not valid` }).map(([code, detail]) => ({
        pointer: `?${property}`,
        code: kebab(code),
        detail,
      })),
    );
    throw new Problem('validation-failed', errors.map(({ detail }) => detail).join('; '), { errors });
  }
  return instance;
}

function duplicate(name: string): Problem {
  return new Problem('duplicate-parameter', `The parameter ${JSON.stringify(name)} was given more than once.`, {
    errors: [{ pointer: `?${name}`, code: 'duplicate-parameter' }],
  });
}

function kebab(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
