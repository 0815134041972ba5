import { applyDecorators } from '@nestjs/common';
import { ApiPropertyOptional, type ApiPropertyOptions } from '@nestjs/swagger';
import { IsIn, ValidateBy, type ValidationOptions } from 'class-validator';
import { findMoment, findSeconds } from './moment.js';

const anyNow = new Date(0);
const maxLabels = 32;
const maxLabelNameLength = 128;
const maxLabelValueLength = 1024;

/** One of a list of words, which the description of the API then names. */
export function IsOneOf(words: readonly string[]): PropertyDecorator {
  // When @nestjs/swagger 12 turns the fields of a class into parameters, it keeps a `schema` and loses an `enum`.
  const options: ApiPropertyOptions & { schema: object } = { enum: [...words], schema: { enum: [...words] } };
  return applyDecorators(IsIn(words), ApiPropertyOptional(options));
}

export function IsMoment(options?: ValidationOptions): PropertyDecorator {
  return ValidateBy(
    {
      name: 'isMoment',
      validator: {
        validate: (value) => typeof value === 'string' && findMoment(value, anyNow) !== null,
        defaultMessage: (args) =>
          `${args?.property} must be RFC 3339, Unix seconds or milliseconds, "now", or like "-1h"`,
      },
    },
    options,
  );
}

export function IsStep(options?: ValidationOptions): PropertyDecorator {
  return ValidateBy(
    {
      name: 'isStep',
      validator: {
        validate: (value) => typeof value === 'string' && (findSeconds(value) ?? 0) > 0,
        defaultMessage: (args) => `${args?.property} must be a duration in seconds, or like "30s", "5m", "1h", "1d"`,
      },
    },
    options,
  );
}

export function IsLabels(options?: ValidationOptions): PropertyDecorator {
  return ValidateBy(
    {
      name: 'isLabels',
      validator: {
        validate: (value) => typeof value === 'object' && value !== null && areLabels(Object.entries(value as object)),
        defaultMessage: () =>
          `at most ${maxLabels} labels, with names of 1 to ${maxLabelNameLength} and values of up to ${maxLabelValueLength} characters`,
      },
    },
    options,
  );
}

function areLabels(entries: [string, unknown][]): boolean {
  return (
    entries.length <= maxLabels &&
    entries.every(
      ([name, value]) =>
        name.length > 0 &&
        name.length <= maxLabelNameLength &&
        typeof value === 'string' &&
        value.length <= maxLabelValueLength,
    )
  );
}
