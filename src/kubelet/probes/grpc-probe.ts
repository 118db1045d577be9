import type { GRPCAction } from '../../api/generated/core.v1.ts'
import { joinHostPort } from './port.ts'
import { failed, succeeded, type ProbeOutcome } from './probe-outcome.ts'

/** Health checking protocol: github.com/grpc/grpc/blob/master/doc/health-checking.md. */
const servingNames = ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN']

/**
 * Asks grpc.health.v1.Health/Check; SERVING is success. gRPC is loaded on first use, by its default export: a bundle keeps
 * no other name of a CommonJS module that is imported late.
 */
export async function probeGrpc(action: GRPCAction, podIP: string, timeoutMs: number): Promise<ProbeOutcome> {
  const { default: grpc } = await import('@grpc/grpc-js')
  const { Client, credentials, Metadata, status: codes } = grpc
  const service = action.service ?? ''
  const address = joinHostPort(podIP, action.port)
  const client = new Client(address, credentials.createInsecure(), { 'grpc.enable_http_proxy': 0 })
  const deadline = new Date()
  deadline.setTime(deadline.getTime() + timeoutMs)
  const connected = await new Promise<boolean>((resolve) => {
    client.waitForReady(deadline, (error) => resolve(error === undefined || error === null))
  })
  if (!connected) {
    client.close()
    const seconds = timeoutMs / 1000
    return failed(
      `timeout: failed to connect service "${address}" within ${seconds}s: context deadline exceeded`,
    )
  }
  return await new Promise<ProbeOutcome>((resolve) => {
    client.makeUnaryRequest(
      '/grpc.health.v1.Health/Check',
      encodeRequest,
      decodeStatus,
      service,
      new Metadata(),
      { deadline },
      (error, status) => {
        client.close()
        if (error?.code === codes.UNIMPLEMENTED) {
          resolve(
            failed(
              `error: this server does not implement the grpc health protocol (grpc.health.v1.Health): ${error.details}`,
            ),
          )
        } else if (error?.code === codes.DEADLINE_EXCEEDED) {
          resolve(failed(`timeout: health rpc did not complete within ${timeoutMs / 1000}s`))
        } else if (error) {
          resolve(failed(`error: health rpc probe failed: ${error.details}`))
        } else if (status === 1) {
          resolve(succeeded('service healthy'))
        } else {
          resolve(failed(`service unhealthy (responded with "${servingNames[status ?? 0] ?? status}")`))
        }
      },
    )
  })
}

/** message HealthCheckRequest { string service = 1; } */
function encodeRequest(service: string): Buffer {
  const text = Buffer.from(service)
  if (text.length === 0) return Buffer.alloc(0)
  return Buffer.concat([Buffer.from([0x0a, ...varint(text.length)]), text])
}

/** message HealthCheckResponse { ServingStatus status = 1; } */
function decodeStatus(bytes: Buffer): number {
  return bytes[0] === 0x08 ? (bytes[1] ?? 0) : 0
}

function varint(value: number): number[] {
  const bytes: number[] = []
  for (; value > 127; value >>>= 7) bytes.push((value & 0x7f) | 0x80)
  return [...bytes, value]
}
