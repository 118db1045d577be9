import type { JsonValue } from '../../machinery/meta.ts'

export interface PostOptions {
  readonly timeoutMs: number
}

/**
 * Sends JSON to a server that the operator configured (by a kubeconfig) and gives its JSON answer. Throws a StatusError
 * when it answers with a failure, an Error when it is not reached.
 */
export type PostJson = (body: unknown, options: PostOptions) => Promise<JsonValue>
