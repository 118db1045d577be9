import { mkdirSync } from 'node:fs'
import { hostname } from 'node:os'
import { join, resolve } from 'node:path'
import { every, systemClock } from '../../machinery/clock.ts'
import { systemRandom } from '../../machinery/random.ts'
import { ensureAddons } from '../addons/ensure-addons.ts'
import { CliError } from '../cli/cli-error.ts'
import type { CommandInput } from '../cli/command.ts'
import { exitCodes, type ExitCode } from '../cli/exit-codes.ts'
import { collectAtRest } from '../collect-at-rest.ts'
import { startClusterApiServer } from '../cluster-api-server.ts'
import { parseApiServer, parseSecurityFiles, parseStore } from '../commands/up-options.ts'
import { inProcessClient } from '../in-process-client.ts'
import { addressPlan } from '../machine/address-plan.ts'
import { writeAtomically } from '../machine/atomic-file.ts'
import { formatIpv4, parseCidr } from '../machine/cidr.ts'
import { stopSignals } from '../machine/stop-signals.ts'
import {
  adminIdentity,
  apiServerNames,
  controllerManagerIdentity,
  dnsIdentity,
  ensureClusterPki,
  proxyIdentity,
  schedulerIdentity,
  type ClusterPki,
} from '../pki/cluster-pki.ts'
import { kubeconfig } from '../pki/kubeconfig.ts'
import { folderPemStore } from '../pki/pem-store.ts'
import { machineAddress } from './machine-address.ts'
import { processLog } from './component-process.ts'

/** Days before certificates expire they are made anew; that is looked at twice a day. */
const renewPeriodMs = 12 * 3_600_000

/**
 * Runs an API server by itself. In its folder it keeps the cluster's authorities and, for the other components, a
 * kubeconfig each; API servers that share a store share those authorities (`pki`).
 */
export async function runApiServer(input: CommandInput): Promise<ExitCode> {
  const folder = input.text('data-dir')
  if (folder === undefined) throw new CliError('--data-dir is missing', exitCodes.usage)
  const path = resolve(folder)
  for (const made of [path, join(path, 'pki')]) mkdirSync(made, { recursive: true, mode: 0o700 })
  const stop = stopSignals()
  const securityFiles = parseSecurityFiles(input)
  const log = processLog()
  const serviceCidr = input.text('service-cidr') ?? addressPlan(0, 1).serviceCidr
  const advertiseAddress = input.text('advertise-address') ?? machineAddress()
  const port = input.number('port', 1) ?? 6443
  const names = apiServerNames(nth(serviceCidr, 1), [advertiseAddress], hostname())
  const pki = ensureClusterPki(folderPemStore(join(path, 'pki')), names, systemClock.now())
  const undo: (() => void | Promise<void>)[] = []
  const server = await startClusterApiServer(
    {
      pki,
      store: parseStore(input) ?? { type: 'embedded' },
      dataFolder: join(path, 'data'),
      bindAddress: input.text('bind-address') ?? '0.0.0.0',
      port,
      advertiseAddress,
      hostName: hostname(),
      serviceCidr,
      ...(securityFiles && { securityFiles }),
      apiServer: parseApiServer(input),
      clock: systemClock,
      random: systemRandom,
      log,
    },
    undo,
    [],
  )
  const admin = { name: adminIdentity.user, groups: [...adminIdentity.groups, 'system:authenticated'] }
  const url = `https://${advertiseAddress}:${server.port}`
  await ensureAddons(inProcessClient(server, admin, { userAgent: 'k8ts' }), {
    dnsAddress: nth(serviceCidr, 10),
    server: url,
    authorityPem: pki.authority.certificatePem,
    podCidr: input.text('cluster-cidr') ?? addressPlan(0, 1).podCidr,
  })
  writeKubeconfigs(path, url, pki)
  log.info('API server ready', { server: url })
  const stopRenewing = every(systemClock, renewPeriodMs, () => {
    pki.renew(systemClock.now())
    server.present({ certificate: pki.apiServer.certificatePem, key: pki.apiServer.privateKeyPem })
    writeKubeconfigs(path, url, pki)
  })
  const stopCollecting = collectAtRest(systemClock)
  await stop.requested
  stopCollecting()
  stopRenewing()
  for (const step of undo.toReversed()) await step()
  return exitCodes.done
}

const kubeconfigs = [
  adminIdentity,
  controllerManagerIdentity,
  schedulerIdentity,
  proxyIdentity,
  dnsIdentity,
] as const

function writeKubeconfigs(folder: string, server: string, pki: ClusterPki): void {
  for (const identity of kubeconfigs) {
    const content = kubeconfig({
      cluster: 'k8ts',
      user: identity.user,
      server,
      authorityPem: pki.authority.certificatePem,
      certificate: pki.client(identity),
    })
    writeAtomically(join(folder, `${identity.file}.kubeconfig`), content, 0o600)
  }
}

function nth(cidr: string, offset: number): string {
  return formatIpv4(parseCidr(cidr).base + offset)
}
