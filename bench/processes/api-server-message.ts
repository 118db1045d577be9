import type { LoadOptions, LoadResult } from '../load.ts'

export type ApiServerQuestion =
  | { readonly type: 'usage' }
  /** Makes requests inside the server's process, without a network. */
  | { readonly type: 'load'; readonly options: LoadOptions }
  | { readonly type: 'stop' }

export type ApiServerAnswer =
  | { readonly type: 'ready'; readonly connection: Connection }
  | { readonly type: 'usage'; readonly cpuMicroseconds: number; readonly residentBytes: number }
  | { readonly type: 'load'; readonly result: LoadResult; readonly cpuMicroseconds: number }

/** How the administrator reaches the server. */
export interface Connection {
  readonly server: string
  readonly caData: string
  readonly certData: string
  readonly keyData: string
}
