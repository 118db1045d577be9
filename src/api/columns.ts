import { humanDuration } from '../machinery/duration.ts'
import type { KubernetesObject } from '../machinery/meta.ts'
import type { Column } from './definition.ts'

/** The first column of every table. */
export const nameColumn: Column = {
  name: 'Name',
  type: 'string',
  format: 'name',
  description: 'Name must be unique within a namespace.',
  cell: (object) => object.metadata?.name ?? '',
}

/** The last column that is always shown, of nearly every table. */
export const ageColumn: Column = {
  name: 'Age',
  type: 'string',
  description: 'Time since the object was created.',
  cell: (object, now) => timeSince(object.metadata?.creationTimestamp, now),
}

/** A column of text. */
export function column<T extends KubernetesObject>(
  name: string,
  description: string,
  cell: (object: T, now: number) => string,
): Column<T> {
  return { name, type: 'string', description, cell }
}

/** A column of whole numbers. */
export function integerColumn<T extends KubernetesObject>(
  name: string,
  description: string,
  cell: (object: T, now: number) => number,
): Column<T> {
  return { name, type: 'integer', description, cell }
}

/** The same column, shown only with `-o wide`. */
export function wide<T extends KubernetesObject>(column: Column<T>): Column<T> {
  return { ...column, priority: 1 }
}

/** How long ago, as `kubectl get` shows it: `5m`, `2d3h`; `<unknown>` without a time. */
export function timeSince(time: string | undefined, now: number): string {
  return time === undefined ? '<unknown>' : humanDuration(now - Date.parse(time))
}
