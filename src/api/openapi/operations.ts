import type { GroupVersionKind } from '../../machinery/meta.ts'
import { type ApiParameter, pathParameters } from './parameters.ts'

/** One path and what can be done there: what both versions of OpenAPI have in common. */
export interface ApiPath {
  readonly path: string
  /** Of all its operations. */
  readonly parameters: readonly ApiParameter[]
  readonly operations: readonly ApiOperation[]
}

export interface ApiOperation {
  readonly method: 'get' | 'put' | 'post' | 'delete' | 'options' | 'head' | 'patch'
  readonly operationId: string
  readonly description: string
  readonly tag: string
  /** `x-kubernetes-action` */
  readonly action?: string
  readonly kind?: GroupVersionKind
  readonly parameters: readonly ApiParameter[]
  readonly body?: { readonly type: string; readonly required: boolean }
  readonly consumes: readonly string[]
  readonly produces: readonly string[]
  readonly responses: readonly ApiResponse[]
}

export interface ApiResponse {
  readonly code: number
  readonly description: string
  /** Name of a definition; `string` for text; absent for no body. */
  readonly type?: string
}

export const json = 'application/json'
export const yaml = 'application/yaml'
export const protobuf = 'application/vnd.kubernetes.protobuf'

const unauthorized: ApiResponse = { code: 401, description: 'Unauthorized' }
const reasons: Readonly<Record<number, string>> = { 200: 'OK', 201: 'Created', 202: 'Accepted' }

/** Success with a body of `type` under each of `codes`, or no access. */
export function responses(type: string, ...codes: readonly number[]): ApiResponse[] {
  return [...codes.map((code) => ({ code, description: reasons[code] ?? '', type })), unauthorized]
}

/** A path, unless nothing can be done there. Parameters that all operations share become the path's. */
export function path(path: string, kind: string, operations: readonly ApiOperation[]): ApiPath[] {
  const [first, ...others] = operations
  if (!first) return []
  const shared = first.parameters.filter((parameter) =>
    others.every((operation) => operation.parameters.some(({ name }) => name === parameter.name)),
  )
  const names = new Set(shared.map(({ name }) => name))
  return [
    {
      path,
      parameters: [...pathParameters(path, kind), ...shared].sort(byName),
      operations: operations.map((operation) => ({
        ...operation,
        parameters: operation.parameters.filter(({ name }) => !names.has(name)).sort(byName),
      })),
    },
  ]
}

function byName(left: ApiParameter, right: ApiParameter): number {
  return left.name < right.name ? -1 : 1
}
