import { invalid, type FieldError } from '../../machinery/field-error.ts'
import { withSortedKeys } from '../../machinery/go-json.ts'
import type { JSONSchemaProps } from '../generated/apiextensions.v1.ts'
import type { Correlation } from './correlation.ts'

/** A fault at a path; its text is made when it is known which prefix the path has. */
export interface Fault {
  readonly path: string
  /** Tells faults apart: upstream reports the same one once. */
  readonly text: string
  error(field: string | undefined): FieldError
}

/** What came of validating a value. */
export interface Outcome {
  readonly faults: Fault[]
  /** How many checks there were: of alternatives that all fail, the one that fits best is explained. */
  matches: number
}

/** A schema, and the place whose value it is held against. */
export interface PlacedSchema {
  readonly schema: JSONSchemaProps
  readonly path: string
  readonly correlation: Correlation | undefined
  /** Whether faults of this very value are let through when it is unchanged; else only those of what it holds. */
  readonly ratchets: boolean
}

export function noFaults(): Outcome {
  return { faults: [], matches: 0 }
}

export function addOutcome(into: Outcome, other: Outcome): void {
  for (const fault of other.faults) addFault(into, fault)
  into.matches += other.matches
}

export function addFault(result: Outcome, fault: Fault): void {
  if (!result.faults.some(({ text }) => text === fault.text)) result.faults.push(fault)
}

export function fault(
  path: string,
  text: string,
  error: (field: string | undefined, text: string) => FieldError,
): Fault {
  return { path, text, error: (field) => error(field, text) }
}

export function invalidFault(path: string, value: unknown, text: string): Fault {
  return fault(path, text, (field) => invalid(field, withSortedKeys(value), text))
}

/** A fault of the whole, told without a path. */
export function wholeFault(text: string): Fault {
  return fault('', text, (field) => invalid(field, '', text))
}
