import type { Random } from '../../machinery/random.ts'
import { RuntimeError } from '../runtime/runtime-error.ts'
import type { ContainerRuntime, ContainerSummary, RuntimeEvent, SandboxSummary } from '../runtime/runtime.ts'

/**
 * A runtime that fails, says it failed when it did not, answers with the past, and is away at times. Where it tells what
 * happens, it tells it twice, not at all, or ends in the middle.
 */
export interface FaultyRuntime {
  readonly runtime: ContainerRuntime
  /** Probability of each fault per call, 0 to 1. 0 is a good runtime. */
  rate: number
  /** All calls fail until it is set again. */
  isAway: boolean
}

export function faultyRuntime(
  inner: ContainerRuntime,
  random: Random,
  { tells = false }: { readonly tells?: boolean } = {},
): FaultyRuntime {
  const state = { rate: 0, isAway: false }
  let pastSandboxes: readonly SandboxSummary[] = []
  let pastContainers: readonly ContainerSummary[] = []
  const happens = () => random.next() < state.rate
  const fault = (what: string) => new RuntimeError('unavailable', `injected: ${what}`)

  async function call<T>(what: string, run: () => Promise<T>): Promise<T> {
    if (state.isAway) throw fault('away')
    if (happens()) throw fault(`${what} before`)
    const answer = await run()
    if (happens()) throw fault(`${what} after`)
    return answer
  }

  const { events: innerEvents, ...quiet } = inner

  async function* events(signal: AbortSignal): AsyncIterable<RuntimeEvent> {
    if (state.isAway || happens()) throw fault('events')
    for await (const event of innerEvents!(signal)) {
      if (state.isAway || happens()) return
      if (event.type === 'subscribed' || !happens()) yield event
      if (event.type !== 'subscribed' && happens()) yield event
    }
  }

  const runtime: ContainerRuntime = {
    ...quiet,
    ...(tells && innerEvents && { events }),
    status: () => call('status', () => inner.status()),
    runSandbox: (config) => call('runSandbox', () => inner.runSandbox(config)),
    stopSandbox: (id) => call('stopSandbox', () => inner.stopSandbox(id)),
    removeSandbox: (id) => call('removeSandbox', () => inner.removeSandbox(id)),
    sandboxStatus: (id) => call('sandboxStatus', () => inner.sandboxStatus(id)),
    createContainer: (id, config, sandbox) =>
      call('createContainer', () => inner.createContainer(id, config, sandbox)),
    startContainer: (id) => call('startContainer', () => inner.startContainer(id)),
    stopContainer: (id, timeout) => call('stopContainer', () => inner.stopContainer(id, timeout)),
    removeContainer: (id) => call('removeContainer', () => inner.removeContainer(id)),
    containerStatus: (id) => call('containerStatus', () => inner.containerStatus(id)),
    pullImage: (image, auth, sandbox) => call('pullImage', () => inner.pullImage(image, auth, sandbox)),
    async listSandboxes(filter) {
      const now = await call('listSandboxes', () => inner.listSandboxes(filter))
      const answer = happens() ? pastSandboxes : now
      if (filter === undefined) pastSandboxes = now
      return answer.filter(({ uid }) => filter?.podUID === undefined || uid === filter.podUID)
    },
    async listContainers(filter) {
      const now = await call('listContainers', () => inner.listContainers(filter))
      const answer = happens() ? pastContainers : now
      if (filter === undefined) pastContainers = now
      return answer.filter(
        ({ labels }) => filter?.podUID === undefined || labels['io.kubernetes.pod.uid'] === filter.podUID,
      )
    },
  }
  return Object.assign(state, { runtime })
}
