import { rmSync } from 'node:fs'
import { hostname } from 'node:os'
import { secrets } from '../../api/generated/resources.ts'
import { every, systemClock } from '../../machinery/clock.ts'
import { systemRandom } from '../../machinery/random.ts'
import { isAlreadyExists } from '../../machinery/status-errors.ts'
import { ensureAddons } from '../addons/ensure-addons.ts'
import type { CommandInput } from '../cli/command.ts'
import type { ExitCode } from '../cli/exit-codes.ts'
import { collectAtRest } from '../collect-at-rest.ts'
import { exitCodes } from '../cli/exit-codes.ts'
import { folderOf } from '../commands/find-cluster.ts'
import { parseApiServer, parseSecurityFiles, parseStore } from '../commands/up-options.ts'
import { processLog } from '../components/component-process.ts'
import { durationOption } from '../components/leader-election-flags.ts'
import { machineAddress } from '../components/machine-address.ts'
import { schedulerConfiguration } from '../components/run-scheduler.ts'
import { startControlPlane, type ControlPlane } from '../control-plane.ts'
import { addressPlan, apiServiceAddress, dnsServiceAddress } from '../machine/address-plan.ts'
import { readIfExists, writeAtomically } from '../machine/atomic-file.ts'
import { stopSignals } from '../machine/stop-signals.ts'
import { adminIdentity, apiServerNames, ensureClusterPki, type ClusterPki } from '../pki/cluster-pki.ts'
import { kubeconfig } from '../pki/kubeconfig.ts'
import { folderPemStore } from '../pki/pem-store.ts'
import { createClusterFolder, type ClusterFolder } from '../state/cluster-folder.ts'
import { serverTokenFile } from './forget-node.ts'
import { bootstrapTokenSecret, formatJoinToken, newBootstrapToken } from './join-token.ts'

const renewPeriodMs = 12 * 3_600_000

/** Runs a control plane for machines that join it by `k8ts agent`, until a signal ends the process. */
export async function runServer(input: CommandInput): Promise<ExitCode> {
  const stop = stopSignals()
  const securityFiles = parseSecurityFiles(input)
  const folder = folderOf(input)
  createClusterFolder(folder)
  const defaults = addressPlan(0, 1)
  const plan = {
    ...defaults,
    serviceCidr: input.text('service-cidr') ?? defaults.serviceCidr,
    podCidr: input.text('cluster-cidr') ?? defaults.podCidr,
  }
  const advertiseAddress = input.text('advertise-address') ?? machineAddress()
  const names = apiServerNames(apiServiceAddress(plan), [advertiseAddress], hostname())
  const pki = ensureClusterPki(folderPemStore(folder.pki), names, systemClock.now())
  const log = processLog()
  const part = (component: string) => log.with({ component })
  const controlPlane = await startControlPlane({
    pki,
    store: parseStore(input) ?? { type: 'embedded' },
    dataFolder: folder.data,
    bindAddress: input.text('bind-address') ?? '0.0.0.0',
    port: input.number('port', 1) ?? 6443,
    advertiseAddress,
    hostName: hostname(),
    serviceCidr: plan.serviceCidr,
    ...(securityFiles && { securityFiles }),
    apiServer: parseApiServer(input),
    podCidr: plan.podCidr,
    nodeCidrMaskSize: plan.nodeCidrMaskSize,
    certificateLifetimeMs: durationOption(input, 'cluster-signing-duration'),
    schedulerConfiguration: schedulerConfiguration(input.text('scheduler-config')),
    clock: systemClock,
    random: systemRandom,
    logs: {
      apiServer: part('kube-apiserver'),
      controllerManager: part('kube-controller-manager'),
      scheduler: part('kube-scheduler'),
    },
  })
  const server = `https://${advertiseAddress}:${controlPlane.port}`
  const authorityPem = pki.authority.certificatePem
  const dnsAddress = dnsServiceAddress(plan)
  await ensureAddons(controlPlane.client(adminIdentity), {
    dnsAddress,
    server,
    authorityPem,
    podCidr: plan.podCidr,
  })
  writeKubeconfig(folder, server, pki)
  const token = formatJoinToken(await ensureToken(folder, controlPlane), authorityPem)
  process.stdout.write(
    `The control plane is ready.\n\n  kubeconfig  ${folder.kubeconfig}\n\nOn each machine that is to be a node:\n  k8ts agent --server ${server} --token ${token}\n`,
  )
  const stopRenewing = every(systemClock, renewPeriodMs, () => {
    pki.renew(systemClock.now())
    controlPlane.presentCertificate()
    writeKubeconfig(folder, server, pki)
  })
  const stopCollecting = collectAtRest(systemClock)
  await stop.requested
  stopCollecting()
  stopRenewing()
  await controlPlane.stop()
  rmSync(folder.runPath, { recursive: true, force: true })
  return exitCodes.done
}

/** The server's own token, which does not expire; made once. */
async function ensureToken(folder: ClusterFolder, controlPlane: ControlPlane): Promise<string> {
  const file = serverTokenFile(folder)
  const token = readIfExists(file)?.trim() ?? newBootstrapToken()
  writeAtomically(file, `${token}\n`, 0o600)
  try {
    await controlPlane.client(adminIdentity).create(secrets, bootstrapTokenSecret(token, undefined))
  } catch (error) {
    if (!isAlreadyExists(error)) throw error
  }
  return token
}

function writeKubeconfig(folder: ClusterFolder, server: string, pki: ClusterPki): void {
  const content = kubeconfig({
    cluster: `k8ts-${folder.name}`,
    user: 'admin',
    server,
    authorityPem: pki.authority.certificatePem,
    certificate: pki.client(adminIdentity),
  })
  writeAtomically(folder.kubeconfig, content, 0o600)
}
