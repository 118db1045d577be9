import { ByteQueue } from '../../../machinery/streaming/byte-queue.ts'
import type { ByteSink, ExecSession } from '../runtime.ts'
import type { Step } from './script.ts'

/** A command in a container: prints what its script prints, and gives its input back where it copies it. */
export function scriptSession(steps: readonly Step[], withInput: boolean): ExecSession {
  const stdout = new ByteQueue()
  const copies = withInput && steps.some(({ type }) => type === 'copyInput')
  const exit = steps.find((step) => step.type === 'exit')
  const { promise, resolve } = Promise.withResolvers<{ exitCode: number }>()
  for (const step of steps) if (step.type === 'print') stdout.push(Buffer.from(step.text))
  const finish = () => {
    stdout.close()
    resolve({ exitCode: exit?.exitCode ?? 0 })
  }
  if (!copies) finish()
  const stdin: ByteSink = {
    async write(data) {
      if (copies) stdout.push(Uint8Array.from(data))
    },
    async end() {
      if (copies) finish()
    },
  }
  return { ...(withInput && { stdin }), stdout, resize() {}, exit: promise, close: finish }
}
