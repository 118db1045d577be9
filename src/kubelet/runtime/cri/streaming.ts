import { RuntimeError } from '../runtime-error.ts'
import type { ContainerRuntime } from '../runtime.ts'
import type { CriConnection } from './cri-connection.ts'

/** exec, attach and port-forward: the runtime answers with a URL of its own streaming server. */
export function criStreaming(
  _connection: CriConnection,
): Pick<ContainerRuntime, 'exec' | 'attach' | 'portForward'> {
  const missing = () => Promise.reject(new RuntimeError('unimplemented', 'streaming'))
  return { exec: missing, attach: missing, portForward: missing }
}
