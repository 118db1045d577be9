import { setTimeout as delay } from 'node:timers/promises'
import { join } from 'node:path'
import type { Deployment } from '../../api/generated/apps.v1.ts'
import type { Service } from '../../api/generated/core.v1.ts'
import { deployments, services } from '../../api/generated/resources.ts'
import type { Client } from '../../client/client.ts'
import { ensure } from '../addons/ensure-addons.ts'
import { CliError } from '../cli/cli-error.ts'
import type { Report } from '../cli/report.ts'
import { findStaticBusybox } from '../images/busybox-image.ts'
import { webImage, webImageName } from '../images/web-image.ts'
import { nodeAddress } from '../machine/address-plan.ts'
import { writeAtomically } from '../machine/atomic-file.ts'
import { adminIdentity } from '../pki/cluster-pki.ts'
import type { ClusterFolder } from '../state/cluster-folder.ts'
import { loadImage } from './load-image.ts'
import type { RunningCluster } from './running-cluster.ts'

const name = 'demo'
const labels = { app: name }
const replicas = 3
const readyWithinMs = 60_000

/** Three replicas of a web server that says which pod answers. */
const deployment: Deployment = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name, namespace: 'default', labels },
  spec: {
    replicas,
    selector: { matchLabels: labels },
    template: {
      metadata: { labels },
      spec: {
        containers: [
          {
            name: 'web',
            image: webImageName,
            ports: [{ containerPort: 8080 }],
            env: [
              { name: 'POD_NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
              { name: 'NODE_NAME', valueFrom: { fieldRef: { fieldPath: 'spec.nodeName' } } },
            ],
            readinessProbe: { httpGet: { path: '/', port: 8080 }, periodSeconds: 1 },
          },
        ],
      },
    },
  },
}

const service: Service = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace: 'default', labels },
  spec: { type: 'NodePort', selector: labels, ports: [{ port: 80, targetPort: 8080 }] },
}

/** Brings the demonstration up and tells where it answers. */
export async function whenReady(
  cluster: RunningCluster,
  folder: ClusterFolder,
  report: Report,
): Promise<readonly string[]> {
  const client = cluster.controlPlane.client(adminIdentity)
  const simulated = cluster.state.runtime === 'simulated'
  if (!simulated) await report.step('demo: image', () => provideImage(cluster, folder))
  await report.step('demo: Deployment of 3 replicas and Service', async () => {
    await ensure(client, deployments, deployment)
    await ensure(client, services, service)
    await untilAvailable(client)
  })
  if (simulated) {
    return ['The demo is a Deployment and a Service named demo. Its pods are simulated: no URL answers.', '']
  }
  const { spec } = await client.get(services, { namespace: 'default', name })
  const node = cluster.state.nodes.find(({ stopped }) => !stopped)
  const address = nodeAddress(cluster.state.addresses, node?.number ?? 1)
  const url = `http://${address}:${spec?.ports?.[0]?.nodePort}`
  await report.step(`demo: ${url} answers`, () => untilAnswers(url))
  return ['The demo answers, each time from one of its three pods:', `  curl ${url}`, '']
}

async function provideImage(cluster: RunningCluster, folder: ClusterFolder): Promise<void> {
  const busybox = findStaticBusybox()
  if (busybox === undefined) {
    throw new CliError('the demo needs a static busybox (Debian: apt-get install busybox-static)')
  }
  const archive = join(folder.runPath, 'demo.tar')
  writeAtomically(archive, webImage(busybox))
  await loadImage(folder, cluster.state, archive)
}

async function untilAvailable(client: Client): Promise<void> {
  const deadline = performance.now() + readyWithinMs
  for (;;) {
    const { status } = await client.get(deployments, { namespace: 'default', name })
    const available = status?.availableReplicas ?? 0
    if (available >= replicas) return
    if (performance.now() > deadline) {
      throw new CliError(`${available} of ${replicas} replicas of the demo are available after a minute`)
    }
    await delay(50)
  }
}

async function untilAnswers(url: string): Promise<void> {
  const deadline = performance.now() + readyWithinMs
  for (;;) {
    try {
      const answer = await fetch(url, { signal: AbortSignal.timeout(1000) })
      if (answer.ok) return
    } catch (error) {
      if (performance.now() > deadline)
        throw new CliError(`${url} does not answer: ${(error as Error).message}`)
    }
    await delay(50)
  }
}
