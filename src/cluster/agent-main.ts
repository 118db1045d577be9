import { readFileSync } from 'node:fs'
import { performance } from 'node:perf_hooks'
import { setTimeout as delay } from 'node:timers/promises'
import type { AgentConfiguration } from './agent/agent-configuration.ts'
import { systemClock } from '../machinery/clock.ts'
import { startAgent } from './agent/agent.ts'
import type { AgentMessage } from './agent/agent-message.ts'
import { collectAtRest } from './collect-at-rest.ts'
import { writeAtomically } from './machine/atomic-file.ts'

const stopWithinMs = 3000

/**
 * The process of one node: `agent CONFIGURATION`. It tells its parent when each component is ready. It outlives the
 * parent, as a kubelet outlives its API server; the next `up` ends it and starts another.
 */
async function main(configurationFile: string): Promise<void> {
  const configuration = JSON.parse(readFileSync(configurationFile, 'utf8')) as AgentConfiguration
  writeAtomically(configuration.pidFile, `${process.pid}\n`)
  const agent = await startAgent(configuration)
  for (const { name, ready } of agent.components) {
    void ready.then(() => tell({ type: 'ready', component: name, afterMs: performance.now() }))
  }

  collectAtRest(systemClock)
  // Nothing that components wait for keeps a process alive.
  const alive = setInterval(() => {}, 2 ** 31 - 1)
  let stopping = false
  const stop = async () => {
    if (stopping) return
    stopping = true
    // What hangs on an API server that does not answer is not waited for.
    await Promise.race([agent.stop(), delay(stopWithinMs)])
    clearInterval(alive)
    process.exit(0)
  }
  process.on('SIGTERM', () => void stop())
  process.on('SIGINT', () => void stop())
  process.on('message', (message: AgentMessage) => {
    if (message.type === 'health?') {
      const ills = agent.components.map(({ name, health }) => ({ component: name, ill: health() }))
      tell({ type: 'health', id: message.id, ills })
    }
  })
}

/** A parent that is gone need not know. */
function tell(message: AgentMessage): void {
  if (process.connected) process.send?.(message, undefined, undefined, () => {})
}

await main(process.argv[2] ?? '')
