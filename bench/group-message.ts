import type { Figure } from './figure.ts'

/** What the process of a group tells the one that started it. */
export type GroupMessage =
  | { readonly type: 'figure'; readonly figure: Figure }
  | { readonly type: 'failure'; readonly message: string }
  | { readonly type: 'contention'; readonly value: number }
