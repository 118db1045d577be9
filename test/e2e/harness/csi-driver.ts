import { join } from 'node:path'
import { Registration } from '../../../src/kubelet/plugins/generated/registration_pb.ts'
import { Node } from '../../../src/kubelet/volumes/csi/generated/csi_pb.ts'
import { directoryNode } from '../csi/directory-node.ts'
import { serveGrpc, type Request } from './grpc-server.ts'

export const driverName = 'csi.example.com'

/** The node's side of a CSI driver that runs beside the node: see directoryNode. */
export interface TestDriver {
  /** What it was asked, in order: the method's name and the request. */
  readonly calls: readonly { readonly method: string; readonly request: Request }[]
  /** Whether the kubelet said that it has taken the driver in, or why it has not. */
  readonly registered: Promise<string>
  /** Where what is in a volume stands. */
  directory(volumeId: string): string
  /** Ends it; its sockets go. */
  stop(): void
}

export async function startTestDriver(kubeletRoot: string, folder: string): Promise<TestDriver> {
  const calls: { method: string; request: Request }[] = []
  const registered = Promise.withResolvers<string>()
  const socket = join(kubeletRoot, 'plugins', driverName, 'csi.sock')
  const node = directoryNode(folder, 'the-node', 'a')
  const servers = [
    await serveGrpc(socket, [{ service: Node, handlers: node }], (method, request) =>
      calls.push({ method, request }),
    ),
    await serveGrpc(join(kubeletRoot, 'plugins_registry', `${driverName}-reg.sock`), [
      { service: Registration, handlers: registration(driverName, socket, registered.resolve) },
    ]),
  ]
  return {
    calls,
    registered: registered.promise,
    directory: (volumeId) => join(folder, volumeId),
    stop: () => servers.forEach((server) => server.forceShutdown()),
  }
}

/** What kubelets ask a plugin first. */
export function registration(name: string, endpoint: string, onStatus: (status: string) => void) {
  return {
    GetInfo: () => ({ type: 'CSIPlugin', name, endpoint, supportedVersions: ['1.0.0'] }),
    NotifyRegistrationStatus({ pluginRegistered, error }: { pluginRegistered: boolean; error: string }) {
      onStatus(pluginRegistered ? 'registered' : error)
      return {}
    },
  }
}
