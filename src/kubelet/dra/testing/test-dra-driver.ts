import { join } from 'node:path'
import { registrationService, servePlugin } from '../../plugins/testing/serve-plugin.ts'
import { DRAPlugin } from '../generated/dra_pb.ts'

export interface TestDraDriver {
  /** What it was asked: the method and the claim. */
  readonly calls: string[]
  readonly socket: string
  /** What the kubelet said: empty when it has taken the driver in. */
  readonly registered: Promise<string>
  /** What it cannot do from now on. */
  fail(words: string | undefined): void
  stop(): void
}

interface ClaimsRequest {
  readonly claims: readonly { readonly uid: string; readonly name: string }[]
}

/** A driver of dynamic resources: one device for each claim, named after it. */
export async function startTestDraDriver(
  root: string,
  name: string,
  versions: readonly string[] = ['v1.DRAPlugin'],
): Promise<TestDraDriver> {
  const calls: string[] = []
  let failure: string | undefined
  const answer = (method: string, { claims }: ClaimsRequest, result: (claim: string) => object) => ({
    claims: Object.fromEntries(
      claims.map((claim) => {
        calls.push(`${method} ${claim.name}`)
        return [claim.uid, failure === undefined ? result(claim.name) : { error: failure }]
      }),
    ),
  })
  const socket = join(root, 'plugins', name, 'dra.sock')
  const driver = await servePlugin(socket, [
    {
      service: DRAPlugin,
      handlers: {
        NodePrepareResources: (request: ClaimsRequest) =>
          answer('prepare', request, (claim) => ({
            devices: [
              {
                requestNames: ['one'],
                poolName: 'pool',
                deviceName: 'device',
                cdiDeviceIds: [`example.com/widget=${claim}`],
              },
            ],
          })),
        NodeUnprepareResources: (request: ClaimsRequest) => answer('unprepare', request, () => ({})),
      },
    },
  ])
  const info = { type: 'DRAPlugin', name, endpoint: socket, supportedVersions: versions }
  const registration = registrationService(info)
  const registrar = await servePlugin(join(root, 'plugins_registry', `${name}-reg.sock`), [registration])
  return {
    calls,
    socket,
    registered: registration.registered,
    fail: (words) => void (failure = words),
    stop() {
      registrar.stop()
      driver.stop()
    },
  }
}
