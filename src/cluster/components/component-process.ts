import { readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { randomUUID } from 'node:crypto'
import type { Client } from '../../client/client.ts'
import type { ComponentContext, RunningComponent } from '../../client/component.ts'
import { createHttpClient, type HttpClient } from '../../client/http/http-client.ts'
import { createInformers } from '../../client/informers/informers.ts'
import { loadKubeconfig, type ConnectionOptions } from '../../client/kubeconfig.ts'
import { startWhenLeader } from '../../client/leader-election.ts'
import { systemClock } from '../../machinery/clock.ts'
import type { Logger } from '../../machinery/log.ts'
import { createMetrics } from '../../machinery/metrics.ts'
import { systemRandom } from '../../machinery/random.ts'
import { CliError } from '../cli/cli-error.ts'
import type { CommandInput } from '../cli/command.ts'
import { exitCodes, type ExitCode } from '../cli/exit-codes.ts'
import { collectAtRest } from '../collect-at-rest.ts'
import { jsonLog } from '../logging/json-log.ts'
import { stopSignals } from '../machine/stop-signals.ts'
import { serveHealth } from './health-server.ts'

/** What a component's process is made of. */
export interface ComponentProcess {
  readonly context: ComponentContext
  readonly connection: ConnectionOptions
  readonly client: HttpClient
  /** PEM of the authority that the kubeconfig names. */
  readonly authorityPem: string
}

/** Components log to the standard error, one JSON object per line. */
export function processLog(): Logger {
  return jsonLog((line) => process.stderr.write(line), 'info', systemClock)
}

/** Runs one component, over HTTPS as the kubeconfig says, until a signal ends the process. */
export async function runComponent(
  input: CommandInput,
  name: string,
  start: (process: ComponentProcess) => Promise<RunningComponent>,
): Promise<ExitCode> {
  const file = input.text('kubeconfig')
  if (file === undefined) throw new CliError('--kubeconfig is missing', exitCodes.usage)
  const stop = stopSignals()
  const log = processLog()
  const { connection } = await loadKubeconfig({ paths: [file] })
  const client = createHttpClient({ ...connection, userAgent: `${name}/k8ts`, log })
  const context = createContext(client, log)
  const authorityPem = connection.caData ?? (connection.caFile ? readFileSync(connection.caFile, 'utf8') : '')
  const component = await start({ context, connection, client, authorityPem })
  const health = await serveHealth(input.text('health-address'), component, context.metrics)
  void component.ready.then(() => log.info('component ready', { component: name }))
  const stopCollecting = collectAtRest(systemClock)
  await stop.requested
  stopCollecting()
  await component.stop()
  await context.informers.stop()
  health?.close()
  client.close()
  return exitCodes.done
}

export function createContext(client: Client, log: Logger): ComponentContext {
  const [clock, random] = [systemClock, systemRandom]
  const informers = createInformers({ client, clock, random, log })
  return { client, informers, clock, random, log, metrics: createMetrics() }
}

/** Runs what `start` starts for as long as this process is the elected one. */
export function startElected(
  context: ComponentContext,
  component: string,
  start: () => Promise<RunningComponent>,
): RunningComponent {
  const identity = `${hostname()}_${randomUUID()}`
  return startWhenLeader(context, { component, identity }, () => whenStarted(component, start()))
}

/** A component that is still on its way, as one. */
function whenStarted(name: string, starting: Promise<RunningComponent>): RunningComponent {
  let running: RunningComponent | undefined
  void starting.then(
    (component) => (running = component),
    () => {},
  )
  return {
    name,
    ready: starting.then(({ ready }) => ready),
    health: () => (running ? running.health() : 'not started yet'),
    async stop() {
      await (await starting).stop()
    },
  }
}
