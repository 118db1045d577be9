import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Node, Pod, PodSpec, Service, ServiceSpec } from '../../../src/api/generated/core.v1.ts'
import type { ObjectList } from '../../../src/machinery/meta.ts'
import { netImage, writeNetImage } from './net-image.ts'
import { aCluster, type TestCluster } from './test-cluster.ts'
import { until } from './until.ts'

export const nodeNames = ['node1', 'node2'] as const
export const ports = [
  { name: 'http', port: 80, targetPort: 8080 },
  { name: 'other', port: 81, targetPort: 8081 },
  { name: 'udp', port: 90, targetPort: 8090, protocol: 'UDP' as const },
]

/** A pod with the tool `net`, which serves what it is asked to. */
export function aNetPod(
  name: string,
  { serves = '', ...spec }: Partial<PodSpec> & { serves?: string } = {},
): Pod {
  const command = serves ? ['net', 'serve', ...serves.split(' ')] : ['sleep', '100000']
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, labels: { name, ...(serves && !spec.hostNetwork && { app: 'server' }) } },
    spec: {
      terminationGracePeriodSeconds: 0,
      containers: [
        { name: 'main', image: netImage, command, ...(serves && { ports: [{ containerPort: 8080 }] }) },
      ],
      ...spec,
    },
  }
}

/**
 * A cluster of two nodes with a pod `serverN` that serves `ports`, a pod `clientN` and a pod `hostN` in the node's own
 * network on each, and what tests do from them.
 */
export class ServersAndClients {
  readonly cluster: TestCluster
  readonly #addresses = new Map<string, string>()

  constructor(name: string) {
    this.cluster = aCluster(name)
  }

  async start(): Promise<void> {
    const { cluster } = this
    await cluster.up('--nodes', '2')
    const image = join(cluster.folder, 'net-image.tar')
    writeFileSync(image, writeNetImage())
    const loaded = await cluster.k8ts('image', 'load', image)
    assert.equal(loaded.exitCode, 0, loaded.stderr)
    await cluster.kubectl.apply(
      ...nodeNames.flatMap((nodeName, index) => [
        aNetPod(`server${index + 1}`, { nodeName, serves: 'tcp:8080 tcp:8081 udp:8090' }),
        aNetPod(`client${index + 1}`, { nodeName }),
        aNetPod(`host${index + 1}`, { nodeName, hostNetwork: true, dnsPolicy: 'ClusterFirstWithHostNet' }),
      ]),
    )
    await cluster.kubectl(['wait', 'pods', '--all', '--for=condition=Ready', '--timeout=60s'])
    const { items } = await cluster.kubectl.json<ObjectList<Pod>>(['get', 'pods'])
    for (const { metadata, status } of items) this.#addresses.set(metadata?.name ?? '', status?.podIP ?? '')
    const nodes = await cluster.kubectl.json<ObjectList<Node>>(['get', 'nodes'])
    for (const { metadata, status } of nodes.items) {
      const found = status?.addresses?.find(({ type }) => type === 'InternalIP')
      this.#addresses.set(metadata?.name ?? '', found?.address ?? '')
    }
  }

  /** Of one of the pods, or of a node. */
  readonly addressOf = (name: string): string =>
    this.#addresses.get(name) ?? assert.fail(`no address of ${name}`)

  /** Runs a script in a pod. */
  readonly run = async (pod: string, script: string, namespace = 'default'): Promise<string> =>
    (await this.cluster.kubectl(['exec', '-n', namespace, pod, '--', 'sh', '-c', script])).trim()

  /** A Service with `ports` in front of the servers, unless it says otherwise. */
  readonly create = async (name: string, spec: Partial<ServiceSpec> = {}): Promise<Service> => {
    const { kubectl } = this.cluster
    const whole = { selector: { app: 'server' }, ports, ...spec }
    await kubectl.apply({ apiVersion: 'v1', kind: 'Service', metadata: { name }, spec: whole })
    return kubectl.json<Service>(['get', 'service', name])
  }

  readonly change = async (name: string, spec: object): Promise<Service> => {
    const { kubectl } = this.cluster
    await kubectl(['patch', 'service', name, '--type=merge', '-p', JSON.stringify({ spec })])
    return kubectl.json<Service>(['get', 'service', name])
  }

  /** Until asking `from` gives what is expected; changes take a moment to reach every node. */
  readonly untilAnswers = (from: string, script: string, expected: string | RegExp): Promise<boolean> =>
    until(`${script} in ${from} gives ${expected}`, async () => {
      const answer = await this.run(from, script)
      const fits = typeof expected === 'string' ? answer === expected : expected.test(answer)
      if (!fits) throw new Error(`it gives '${answer}'`)
      return true
    })

  /** Names of those who answer `count` times, and then in all ways the two servers. */
  readonly answerers = async (from: string, host: string, port: number, count: number) => {
    const script = `for i in $(seq ${count}); do net http ${host} ${port} /hostname || echo none; echo; done`
    return new Set((await this.run(from, script)).split('\n'))
  }

  readonly untilOneAnswers = (from: string, host: string, port: number) =>
    this.#untilAnswerers(1, from, host, port)

  readonly untilBothAnswer = (from: string, host: string, port: number) =>
    this.#untilAnswerers(2, from, host, port)

  #untilAnswerers(count: number, from: string, host: string, port: number): Promise<boolean> {
    return until(`${count} of the servers answer ${from} at ${host}:${port}`, async () => {
      const names = await this.answerers(from, host, port, 16)
      if (names.size !== count || names.has('none')) throw new Error([...names].join())
      return true
    })
  }
}
