import type { Probe } from '../../api/generated/core.v1.ts'
import type { AnyContainer } from '../pods/pod.ts'
import type { ContainerRuntime } from '../runtime/runtime.ts'
import { probeExec } from './exec-probe.ts'
import { probeGrpc } from './grpc-probe.ts'
import { probeHttp } from './http-probe.ts'
import { failed, succeeded, type ProbeOutcome } from './probe-outcome.ts'
import { probeTcp } from './tcp-probe.ts'

export interface ProbeTarget {
  readonly container: AnyContainer
  readonly containerID: string
  readonly sandboxID: string
  readonly podIP: string
}

/** Runs a probe once. Never rejects. */
export async function runProbe(
  runtime: ContainerRuntime,
  probe: Probe,
  target: ProbeTarget,
): Promise<ProbeOutcome> {
  const timeoutMs = (probe.timeoutSeconds ?? 1) * 1000
  const { container, containerID, sandboxID, podIP } = target
  try {
    if (probe.exec) return await probeExec(runtime, containerID, probe.exec, timeoutMs)
    if (runtime.probeNetwork) {
      const { success, message } = await runtime.probeNetwork(sandboxID, containerID)
      return success ? succeeded(message) : failed(message)
    }
    if (probe.httpGet) return await probeHttp(probe.httpGet, container, podIP, timeoutMs)
    if (probe.tcpSocket) return await probeTcp(probe.tcpSocket, container, podIP, timeoutMs)
    if (probe.grpc) return await probeGrpc(probe.grpc, podIP, timeoutMs)
    return { result: 'error', output: `missing probe handler for ${container.name}` }
  } catch (error) {
    return { result: 'error', output: error instanceof Error ? error.message : String(error) }
  }
}
