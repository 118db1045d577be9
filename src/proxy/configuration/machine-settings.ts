import { readFileSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { parseDuration } from '../../machinery/duration.ts'
import type { KubeProxyConfiguration } from './configuration-kind.ts'

export interface MachineSetting {
  readonly file: string
  readonly value: number
  /** A higher value stays. */
  readonly isLeast?: boolean
}

const tracking = (name: string) => `/proc/sys/net/netfilter/nf_conntrack_${name}`

/** What the file wants of the kernel; what it does not name stays as it is. Source: kubernetes/cmd/kube-proxy, conntrack. */
export function machineSettings(
  { conntrack = {}, oomScoreAdj }: KubeProxyConfiguration,
  processors: number = availableParallelism(),
): MachineSetting[] {
  const { maxPerCore = 0, min = 0, tcpBeLiberal } = conntrack
  const seconds = {
    tcp_timeout_established: conntrack.tcpEstablishedTimeout,
    tcp_timeout_close_wait: conntrack.tcpCloseWaitTimeout,
    udp_timeout: conntrack.udpTimeout,
    udp_timeout_stream: conntrack.udpStreamTimeout,
  }
  return [
    ...(oomScoreAdj === undefined ? [] : [{ file: '/proc/self/oom_score_adj', value: oomScoreAdj }]),
    ...(maxPerCore > 0
      ? [{ file: tracking('max'), value: Math.max(maxPerCore * processors, min), isLeast: true }]
      : []),
    ...Object.entries(seconds).flatMap(([name, text]) => {
      const value = text ? Math.floor(parseDuration(text) / 1000) : 0
      return value > 0 ? [{ file: tracking(name), value }] : []
    }),
    ...(tcpBeLiberal ? [{ file: tracking('tcp_be_liberal'), value: 1 }] : []),
  ]
}

/** Throws where the kernel does not let it be set. */
export function applyMachineSettings(settings: readonly MachineSetting[]): void {
  for (const { file, value, isLeast } of settings) {
    const present = Number(readFileSync(file, 'utf8'))
    if (present === value || (isLeast && present > value)) continue
    writeFileSync(file, `${value}`)
  }
}
