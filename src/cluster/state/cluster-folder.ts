import { existsSync, mkdirSync, readdirSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { readIfExists, writeAtomically } from '../machine/atomic-file.ts'
import { giveToInvokingUser } from '../machine/invoking-user.ts'

/** Where everything of one cluster is. Nothing of it is anywhere else. */
export interface ClusterFolder {
  readonly name: string
  readonly path: string
  /** What must not outlive the machine's boot: sockets, the journal, runtime state. */
  readonly runPath: string
  /** The cluster's settings and nodes (cluster-state.ts). */
  readonly stateFile: string
  readonly pki: string
  /** The embedded store's files. */
  readonly data: string
  /** The administrator's. */
  readonly kubeconfig: string
  readonly logs: string
  /** Archives that every node has been or will be given. */
  readonly images: string
  readonly journalFile: string
  /** The id of the server's process. */
  readonly serverPidFile: string
  /** There while the cluster is up: whoever finds it without a server knows that the server did not stop by itself. */
  readonly readyFile: string
  /** Where the supervisor notes how servers ended. */
  readonly endsFile: string
  /** Where a running server takes requests of the command line. */
  readonly controlSocket: string
  node(name: string): NodeFolder
}

/** What one node keeps. */
export interface NodeFolder {
  readonly path: string
  readonly containerdRoot: string
  readonly kubeletRoot: string
  /** The directories that volumes of the default class are. */
  readonly localVolumes: string
  readonly podLogs: string
  readonly staticPods: string
  readonly cniConfiguration: string
  /** Links to the machine's plugins, and what is installed beside them. */
  readonly cniPlugins: string
  readonly resolvConf: string
  readonly runPath: string
  readonly containerdState: string
  readonly containerdSocket: string
  readonly containerdPidFile: string
  /** The id of the node's process. */
  readonly agentPidFile: string
  /** Addresses given to pods; they are gone with the node's network. */
  readonly cniData: string
  readonly agentConfiguration: string
}

export const defaultClusterName = 'default'

/** A name becomes part of paths and of network names. */
export function isClusterName(name: string): boolean {
  return /^[a-z0-9]([-a-z0-9]{0,30}[a-z0-9])?$/.test(name)
}

/** Where clusters are unless `--data-dir` says otherwise. */
export function clustersHome(environment: NodeJS.ProcessEnv = process.env): string {
  return environment['K8TS_HOME'] ?? join(environment['HOME'] ?? homedir(), '.k8ts')
}

/** Where run state of root's clusters is. */
const systemRunPath = '/run/k8ts'

/**
 * Where run state of the cluster at `path` is: with root where the system expects it, also for the user on whose behalf
 * root started it; else with the cluster's data. A place of the login session would be gone with the session, and
 * unknown to another one (cron, su), while the cluster runs on.
 */
function runPathOf(name: string, path: string): string {
  const systemPath = join(systemRunPath, name)
  return process.getuid?.() === 0 || ownerOfRunPath(systemPath) === path ? systemPath : join(path, 'run')
}

/** The cluster folder that run state belongs to; undefined where there is none, or none that we may see. */
function ownerOfRunPath(runPath: string): string | undefined {
  try {
    return readIfExists(join(runPath, 'folder'))
  } catch {
    return undefined
  }
}

/** Root's clusters that may have something on this machine now, whether their folders are still there or not. */
export function clusterFolders(): readonly ClusterFolder[] {
  if (process.getuid?.() !== 0 || !existsSync(systemRunPath)) return []
  return readdirSync(systemRunPath).flatMap((name) => {
    const path = ownerOfRunPath(join(systemRunPath, name))
    return path === undefined ? [] : [clusterFolder(name, path)]
  })
}

export function clusterFolder(name: string, path = join(clustersHome(), name)): ClusterFolder {
  const runPath = runPathOf(name, path)
  return {
    name,
    path,
    runPath,
    stateFile: join(path, 'state.json'),
    pki: join(path, 'pki'),
    data: join(path, 'data'),
    kubeconfig: join(path, 'kubeconfig'),
    logs: join(path, 'logs'),
    images: join(path, 'images'),
    journalFile: join(runPath, 'journal.json'),
    serverPidFile: join(runPath, 'server.pid'),
    readyFile: join(runPath, 'ready'),
    endsFile: join(runPath, 'ends'),
    controlSocket: join(runPath, 'control.sock'),
    node: (node) => nodeFolder(join(path, 'nodes', node), join(runPath, node)),
  }
}

function nodeFolder(path: string, runPath: string): NodeFolder {
  return {
    path,
    containerdRoot: join(path, 'containerd'),
    kubeletRoot: join(path, 'kubelet'),
    localVolumes: join(path, 'volumes'),
    podLogs: join(path, 'pod-logs'),
    staticPods: join(path, 'manifests'),
    cniConfiguration: join(path, 'cni'),
    cniPlugins: join(path, 'cni-bin'),
    resolvConf: join(path, 'resolv.conf'),
    runPath,
    containerdState: join(runPath, 'containerd'),
    containerdSocket: join(runPath, 'containerd.sock'),
    containerdPidFile: join(runPath, 'containerd.pid'),
    agentPidFile: join(runPath, 'agent.pid'),
    cniData: join(runPath, 'cni'),
    agentConfiguration: join(path, 'agent.json'),
  }
}

/** Makes the cluster's folders. Only their owner may read them: keys are inside. */
export function createClusterFolder(folder: ClusterFolder): void {
  const owner = ownerOfRunPath(folder.runPath)
  if (owner !== undefined && owner !== folder.path && existsSync(folder.journalFile)) {
    throw new Error(`a cluster named ${folder.name} is on this machine already, from ${owner}`)
  }
  const home = dirname(folder.path)
  const newHome = !existsSync(home)
  const { path, pki, logs, images, runPath } = folder
  mkdirSync(dirname(runPath), { recursive: true, mode: 0o755 })
  for (const made of [path, pki, logs, images, runPath]) mkdirSync(made, { recursive: true, mode: 0o700 })
  writeAtomically(join(runPath, 'folder'), path)
  giveToInvokingUser(...(newHome ? [home] : []), path, logs, runPath, join(runPath, 'folder'))
}
