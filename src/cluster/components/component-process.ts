import { readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { randomUUID } from 'node:crypto'
import { componentZPages } from '../../api/zpages/component-zpages.ts'
import type { Flags } from '../../api/zpages/flagz.ts'
import type { Client } from '../../client/client.ts'
import type { ComponentContext, RunningComponent } from '../../client/component.ts'
import { createHttpClient, type HttpClient } from '../../client/http/http-client.ts'
import { createInformers } from '../../client/informers/informers.ts'
import { loadKubeconfig, type ConnectionOptions } from '../../client/kubeconfig.ts'
import { startWhenLeader } from '../../client/leader-election.ts'
import { systemClock } from '../../machinery/clock.ts'
import type { Logger } from '../../machinery/log.ts'
import { createMetrics, type Metrics } from '../../machinery/metrics.ts'
import { systemRandom } from '../../machinery/random.ts'
import { CliError } from '../cli/cli-error.ts'
import type { CommandInput } from '../cli/command.ts'
import { exitCodes, type ExitCode } from '../cli/exit-codes.ts'
import { collectAtRest } from '../collect-at-rest.ts'
import { jsonLog } from '../logging/json-log.ts'
import { stopSignals } from '../machine/stop-signals.ts'
import type { Election } from './leader-election-flags.ts'
import { healthPaths, serveHealth } from './health-server.ts'

/** What a component's process is made of. */
export interface ComponentProcess {
  readonly context: ComponentContext
  readonly connection: ConnectionOptions
  readonly client: HttpClient
  /** PEM of the authority that the kubeconfig names. */
  readonly authorityPem: string
}

/** What a component's process tells of itself beside its health. */
export interface ComponentInformation {
  readonly configuration?: Readonly<Record<string, unknown>>
  readonly flags?: Flags
  readonly configuredKubeconfig?: string | undefined
}

/** Components log to the standard error, one JSON object per line. */
export function processLog(): Logger {
  return jsonLog((line) => process.stderr.write(line), 'info', systemClock)
}

/**
 * Runs one component, over HTTPS as the kubeconfig says, until a signal ends the process. `configuration` is what /configz
 * shows: by name of its API group, as upstream's components do; `flags` is what /flagz tells, and without them there is neither
 * it nor /statusz. `configuredKubeconfig` is used where --kubeconfig is not given.
 */
export async function runComponent(
  input: CommandInput,
  name: string,
  start: (process: ComponentProcess) => Promise<RunningComponent>,
  { configuration, flags, configuredKubeconfig }: ComponentInformation = {},
): Promise<ExitCode> {
  const file = input.text('kubeconfig') ?? configuredKubeconfig
  if (file === undefined) throw new CliError('--kubeconfig is missing', exitCodes.usage)
  const stop = stopSignals()
  const log = processLog()
  const connection = toServers((await loadKubeconfig({ paths: [file] })).connection, input.texts('server'))
  const metrics = createMetrics()
  const client = createHttpClient({ ...connection, userAgent: `${name}/k8ts`, log, metrics })
  const context = createContext(client, log, metrics)
  const authorityPem = connection.caData ?? (connection.caFile ? readFileSync(connection.caFile, 'utf8') : '')
  const component = await start({ context, connection, client, authorityPem })
  const zpages =
    flags && componentZPages({ ...context, component: name, paths: () => healthPaths, flags: () => flags })
  const health = await serveHealth(
    input.text('health-address'),
    component,
    context.metrics,
    configuration,
    zpages,
  )
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

/** The same, to `servers` instead, where there are some. */
export function toServers(connection: ConnectionOptions, servers: readonly string[]): ConnectionOptions {
  for (const server of servers) {
    if (!URL.canParse(server)) throw new CliError(`'${server}' is no URL`, exitCodes.usage)
  }
  const [server, ...otherServers] = servers
  return server === undefined ? connection : { ...connection, server, otherServers }
}

function createContext(client: Client, log: Logger, metrics: Metrics): ComponentContext {
  const [clock, random] = [systemClock, systemRandom]
  const informers = createInformers({ client, clock, random, log })
  return { client, informers, clock, random, log, metrics }
}

/** Runs what `start` starts for as long as this process is the elected one; always where there is no election. */
export async function startElected(
  context: ComponentContext,
  election: Election | undefined,
  start: () => Promise<RunningComponent>,
): Promise<RunningComponent> {
  if (!election) return start()
  const identity = `${hostname()}_${randomUUID()}`
  return startWhenLeader(context, { ...election, identity }, () => whenStarted(election.component, start()))
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
