import { mkdirSync, rmdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import {
  create,
  fromBinary,
  toBinary,
  type DescMessage,
  type DescService,
  type Message,
} from '@bufbuild/protobuf'
import { Server, ServerCredentials, status } from '@grpc/grpc-js'
import { Registration } from '../../../src/kubelet/plugins/generated/registration_pb.ts'
import {
  Node,
  NodeServiceCapability_RPC_Type as Capability,
  type NodeExpandVolumeRequest,
  type NodePublishVolumeRequest,
  type NodeStageVolumeRequest,
  type NodeUnpublishVolumeRequest,
  type NodeUnstageVolumeRequest,
} from '../../../src/kubelet/volumes/csi/generated/csi_pb.ts'
import { runProgram } from './program.ts'

export const driverName = 'csi.example.com'
export const topologyKey = 'topology.csi.example.com/zone'

/** The node's side of a CSI driver whose volumes are directories of this machine, bind-mounted where they are asked for. */
export interface TestDriver {
  /** What it was asked, in order: the method's name and the request. */
  readonly calls: readonly { readonly method: string; readonly request: Readonly<Record<string, unknown>> }[]
  /** Whether the kubelet said that it has taken the driver in, or why it has not. */
  readonly registered: Promise<string>
  /** Where what is in a volume stands. */
  directory(volumeId: string): string
  /** Ends it; its sockets go. */
  stop(): void
}

type Handlers = Readonly<Record<string, (request: never) => object | Promise<object>>>

export async function startTestDriver(kubeletRoot: string, folder: string): Promise<TestDriver> {
  const calls: { method: string; request: Readonly<Record<string, unknown>> }[] = []
  const registered = Promise.withResolvers<string>()
  const directory = (volumeId: string) => join(folder, volumeId)
  const socket = join(kubeletRoot, 'plugins', driverName, 'csi.sock')
  const registration = join(kubeletRoot, 'plugins_registry', `${driverName}-reg.sock`)
  for (const path of [socket, registration]) mkdirSync(dirname(path), { recursive: true })

  const mount = async (source: string, target: string, readonly = false) => {
    mkdirSync(target, { recursive: true })
    await succeed('mount', ['--bind', source, target])
    if (readonly) await succeed('mount', ['-o', 'remount,bind,ro', target])
  }
  const unmount = async (target: string) => {
    await succeed('umount', [target])
    rmdirSync(target)
  }
  const node: Handlers = {
    NodeGetInfo: () => ({
      nodeId: 'the-node',
      maxVolumesPerNode: 5n,
      accessibleTopology: { segments: { [topologyKey]: 'a' } },
    }),
    NodeGetCapabilities: () => ({
      capabilities: [Capability.STAGE_UNSTAGE_VOLUME, Capability.EXPAND_VOLUME].map((type) => ({
        type: { case: 'rpc', value: { type } },
      })),
    }),
    async NodeStageVolume({ volumeId, stagingTargetPath }: NodeStageVolumeRequest) {
      mkdirSync(directory(volumeId), { recursive: true })
      await mount(directory(volumeId), stagingTargetPath)
      return {}
    },
    async NodePublishVolume(request: NodePublishVolumeRequest) {
      const { volumeId, stagingTargetPath, targetPath, readonly } = request
      if (stagingTargetPath === '') mkdirSync(directory(volumeId), { recursive: true })
      await mount(stagingTargetPath || directory(volumeId), targetPath, readonly)
      return {}
    },
    async NodeUnpublishVolume({ targetPath }: NodeUnpublishVolumeRequest) {
      await unmount(targetPath)
      return {}
    },
    async NodeUnstageVolume({ stagingTargetPath }: NodeUnstageVolumeRequest) {
      await unmount(stagingTargetPath)
      return {}
    },
    NodeExpandVolume: ({ capacityRange }: NodeExpandVolumeRequest) => ({
      capacityBytes: capacityRange?.requiredBytes ?? 0n,
    }),
  }
  const servers = [
    await serve(socket, Node, node, (method, request) => calls.push({ method, request })),
    await serve(registration, Registration, {
      GetInfo: () => ({
        type: 'CSIPlugin',
        name: driverName,
        endpoint: socket,
        supportedVersions: ['1.0.0'],
      }),
      NotifyRegistrationStatus({ pluginRegistered, error }: { pluginRegistered: boolean; error: string }) {
        registered.resolve(pluginRegistered ? 'registered' : error)
        return {}
      },
    }),
  ]
  return {
    calls,
    registered: registered.promise,
    directory,
    stop: () => servers.forEach((server) => server.forceShutdown()),
  }
}

async function succeed(program: string, args: readonly string[]): Promise<void> {
  const { exitCode, stderr } = await runProgram(program, args)
  if (exitCode !== 0) throw new Error(`${program} ${args.join(' ')}: ${stderr}`)
}

async function serve(
  socket: string,
  service: DescService,
  handlers: Handlers,
  record: (method: string, request: Readonly<Record<string, unknown>>) => void = () => {},
): Promise<Server> {
  const server = new Server()
  const definitions = Object.fromEntries(
    service.methods.map((method) => [
      method.name,
      {
        path: `/${service.typeName}/${method.name}`,
        requestStream: false,
        responseStream: false,
        requestSerialize: (value: object) => bytes(method.input, value),
        requestDeserialize: (data: Buffer) => fromBinary(method.input, data),
        responseSerialize: (value: object) => bytes(method.output, value),
        responseDeserialize: (data: Buffer) => fromBinary(method.output, data),
      },
    ]),
  )
  const implementation = Object.fromEntries(
    service.methods.map((method) => [
      method.name,
      async (
        { request }: { request: Readonly<Record<string, unknown>> },
        answer: (error: object | null, value?: object) => void,
      ) => {
        record(method.name, request)
        const handler = handlers[method.name]
        if (!handler) return answer({ code: status.UNIMPLEMENTED, details: method.name })
        try {
          answer(null, create(method.output, (await handler(request as never)) as never))
        } catch (error) {
          answer({ code: status.INTERNAL, details: String(error) })
        }
      },
    ]),
  )
  server.addService(definitions, implementation)
  await new Promise<void>((resolve, reject) =>
    server.bindAsync(`unix://${socket}`, ServerCredentials.createInsecure(), (error) =>
      error ? reject(error) : resolve(),
    ),
  )
  return server
}

function bytes(message: DescMessage, value: object): Buffer {
  return Buffer.from(toBinary(message, value as Message))
}
