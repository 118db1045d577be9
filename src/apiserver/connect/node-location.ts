import type { Node, Pod } from '../../api/generated/core.v1.ts'
import { nodes, pods } from '../../api/generated/resources.ts'
import { badRequest, internalError, notFound } from '../../machinery/status-errors.ts'
import type { Objects } from '../objects.ts'
import type { Backend, TlsIdentity } from './backend.ts'

/** Types of addresses in the order in which kubelets are looked for. */
const preferredAddresses = ['InternalIP', 'ExternalIP', 'Hostname', 'InternalDNS', 'ExternalDNS']
const defaultKubeletPort = 10250

/** Where the kubelet of a node serves. Source: kubernetes/pkg/kubelet/client. */
export function kubeletOf(objects: Objects, nodeName: string, identity: TlsIdentity): Backend {
  const node = objects.get(nodes, { name: nodeName })
  if (!node) throw notFound('nodes', nodeName)
  const port = node.status?.daemonEndpoints?.kubeletEndpoint?.Port || defaultKubeletPort
  return { scheme: 'https', host: addressOf(node), port, tls: identity }
}

export function addressOf({ status }: Node): string {
  const addresses = status?.addresses ?? []
  for (const type of preferredAddresses) {
    const address = addresses.find((candidate) => candidate.type === type)?.address
    if (address) return address
  }
  const known = addresses.map(({ type }) => type).join(' ')
  throw internalError(`no preferred addresses found; known addresses: [${known}]`)
}

/** The pod of a request, as of now. */
export async function podOf(objects: Objects, namespace: string, name: string): Promise<Pod> {
  const pod = await objects.getLatest(pods, { namespace, name })
  if (!pod) throw notFound('pods', name)
  return pod
}

/**
 * The container that is meant; without a name, the only one. Source: kubernetes/pkg/registry/core/pod/strategy.go.
 */
export function containerOf(pod: Pod, wanted: string): string {
  const { containers = [], initContainers = [], ephemeralContainers = [] } = pod.spec ?? {}
  const podName = pod.metadata?.name ?? ''
  if (wanted !== '') {
    const all = [...containers, ...initContainers, ...ephemeralContainers]
    if (all.some(({ name }) => name === wanted)) return wanted
    throw badRequest(`container ${wanted} is not valid for pod ${podName}`)
  }
  const [only, ...more] = containers
  if (only && more.length === 0) return only.name
  let message = `a container name must be specified for pod ${podName}`
  if (only) message += `, choose one of: [${namesOf(containers)}]`
  if (initContainers.length > 0) message += ` or one of the init containers: [${namesOf(initContainers)}]`
  throw badRequest(message)
}

function namesOf(containers: readonly { readonly name: string }[]): string {
  return containers.map(({ name }) => name).join(' ')
}
