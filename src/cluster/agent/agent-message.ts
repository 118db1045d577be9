/** What a node's process and the server's tell one another. */
export type AgentMessage =
  | { readonly type: 'ready'; readonly component: string; readonly afterMs: number }
  | { readonly type: 'health?'; readonly id: number }
  | { readonly type: 'health'; readonly id: number; readonly ills: readonly ComponentHealth[] }

export interface ComponentHealth {
  readonly component: string
  /** What is wrong; absent while it is well. */
  readonly ill?: string | undefined
}
