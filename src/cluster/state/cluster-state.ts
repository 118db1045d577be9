import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { RuntimeConfig } from '../../apiserver/enablement/resource-config.ts'
import type { AdmissionFlags } from '../api-server-flags/admission-flags.ts'
import type { ServiceAccountFlags } from '../api-server-flags/service-account-flags.ts'
import type { AuditChoice } from '../api-server-flags/audit-flags.ts'
import type { AddressPlan } from '../machine/address-plan.ts'
import { readIfExists, writeAtomically } from '../machine/atomic-file.ts'
import { giveToInvokingUser } from '../machine/invoking-user.ts'
import type { SecurityFiles } from '../security/security-files.ts'
import { clustersHome, type ClusterFolder } from './cluster-folder.ts'

/** What a cluster is, kept in its folder so that it comes up again as it was. */
export interface ClusterState {
  readonly version: 1
  readonly name: string
  readonly addresses: AddressPlan
  /** Of the API server. */
  readonly port: number
  readonly runtime: NodeRuntime
  readonly store: StoreChoice
  /** How the API server is to work that differs from its defaults. */
  readonly apiServer?: ApiServerChoice
  readonly nodes: readonly NodeRecord[]
  /** None when absent. */
  readonly securityFiles?: SecurityFiles
  /** A KubeletConfiguration for every node; none when absent. */
  readonly kubeletConfig?: string
  /** A KubeSchedulerConfiguration; the defaults when absent. */
  readonly schedulerConfig?: string
}

/** What runs the containers of the nodes that are not simulated beside others. */
export type NodeRuntime = 'containerd' | 'simulated'

export type StoreChoice =
  | { readonly type: 'embedded' }
  | { readonly type: 'memory' }
  | {
      readonly type: 'etcd'
      readonly endpoints: readonly string[]
      /** What the keys of the cluster begin with, without the last slash, as `--etcd-prefix`. Default `/registry`. */
      readonly prefix?: string
      readonly caFile?: string
      readonly certFile?: string
      readonly keyFile?: string
    }

/** By the options of kube-apiserver with these names. */
export interface ApiServerChoice {
  /** `--audit-*` */
  readonly audit?: AuditChoice
  /** `--enable-admission-plugins` and the others. */
  readonly admission?: AdmissionFlags
  /** `--service-account-*`, `--api-audiences` */
  readonly serviceAccounts?: ServiceAccountFlags
  /** `--encryption-provider-config`, `--encryption-provider-config-automatic-reload`. */
  readonly encryption?: { readonly path: string; readonly reloads: boolean }
  /** `--feature-gates`, which the other components go by too. */
  readonly featureGates?: Readonly<Record<string, boolean>>
  /** `--runtime-config` */
  readonly runtimeConfig?: RuntimeConfig
}

export interface NodeRecord {
  readonly name: string
  /** Of `--nodes`, run as the cluster's runtime says; or of `--simulated-nodes`. */
  readonly group: NodeGroup
  /** From 1, in its group never given to another node while this one exists: addresses follow from it. */
  readonly number: number
  /** Stopped by the user: `up` leaves it so. */
  readonly stopped: boolean
}

export type NodeGroup = 'nodes' | 'simulatedNodes'

/** What the node is made of. */
export function kindOf(state: ClusterState, record: NodeRecord): NodeRuntime {
  return record.group === 'simulatedNodes' ? 'simulated' : state.runtime
}

/** Undefined where no cluster has been made yet; throws when the file is not one of ours. */
export function loadState(folder: ClusterFolder): ClusterState | undefined {
  return readState(folder.stateFile)
}

export function saveState(folder: ClusterFolder, state: ClusterState): void {
  writeAtomically(folder.stateFile, `${JSON.stringify(state, undefined, 2)}\n`, 0o600)
  giveToInvokingUser(folder.stateFile)
}

/** The states of all clusters in their usual place. */
export function knownClusters(home = clustersHome()): ClusterState[] {
  if (!existsSync(home)) return []
  return readdirSync(home)
    .map((name) => readState(join(home, name, 'state.json')))
    .filter((state) => state !== undefined)
}

const namePrefixes: Readonly<Record<NodeGroup, string>> = { nodes: 'node', simulatedNodes: 'simulated' }

/**
 * The nodes, with enough added for `count` in the group: `node1`, `node2`, ... or `simulated1`, ..., with the lowest
 * numbers that are free.
 */
export function withNodes(nodes: readonly NodeRecord[], group: NodeGroup, count: number): NodeRecord[] {
  const numbers = new Set(nodes.filter((node) => node.group === group).map(({ number }) => number))
  const names = new Set(nodes.map(({ name }) => name))
  const all = [...nodes]
  for (let number = 1; numbers.size < count; number++) {
    const name = `${namePrefixes[group]}${number}`
    if (numbers.has(number) || names.has(name)) continue
    numbers.add(number)
    all.push({ name, group, number, stopped: false })
  }
  return all
}

export function countOf(nodes: readonly NodeRecord[], group: NodeGroup): number {
  return nodes.filter((node) => node.group === group).length
}

function readState(file: string): ClusterState | undefined {
  const text = readIfExists(file)
  if (text === undefined) return undefined
  const state = parseJson(text) as Partial<ClusterState> | undefined
  if (state?.version !== 1 || !state.addresses || !Array.isArray(state.nodes)) {
    throw new Error(`${file} is not the state of a cluster that this k8ts can read`)
  }
  return state as ClusterState
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
