import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { readIfExists, writeAtomically, writeIfChanged } from '../machine/atomic-file.ts'
import { run } from '../machine/command.ts'
import { startDetached } from '../machine/detached-process.ts'
import { fileSystemType } from '../machine/mounts.ts'
import { end, isRunning, type ProcessIdentity } from '../machine/processes.ts'
import { isListening, untilListening } from '../machine/unix-socket.ts'
import { pauseImageName } from '../images/pause-image.ts'
import type { NodeFolder } from '../state/cluster-folder.ts'
import { containerdConfig, parseContainerdVersion, type ContainerdVersion } from './containerd-config.ts'

export interface ContainerdPlace {
  readonly folder: NodeFolder
  readonly logFile: string
  readonly networkNamespace: string
  readonly cgroupProcsFile: string
}

/** Where Debian, and where everybody else, puts the CNI plugins. */
const cniPluginFolders = ['/usr/lib/cni', '/opt/cni/bin', '/usr/libexec/cni']

/**
 * Has the node's containerd running and listening. One that already does is taken over with its containers: it
 * outlives k8ts on purpose.
 */
export async function startContainerd(place: ContainerdPlace): Promise<'started' | 'adopted'> {
  const { folder } = place
  const known = knownProcess(folder)
  if (known && isRunning(known)) {
    if (await isListening(folder.containerdSocket)) return 'adopted'
    await end(known, 5_000)
  }
  const configuration = await writeConfiguration(folder)
  const process = await startDetached({
    program: 'containerd',
    args: ['--config', configuration, '--log-level', 'warn'],
    logFile: place.logFile,
    networkNamespace: place.networkNamespace,
    cgroupProcsFile: place.cgroupProcsFile,
  })
  writeAtomically(folder.containerdPidFile, JSON.stringify(process))
  const listening = await untilListening(folder.containerdSocket, 30_000, () => !isRunning(process))
  if (!listening)
    throw new Error(`containerd does not start: ${lastLine(place.logFile)} (see ${place.logFile})`)
  return 'started'
}

/** Whether the node's containerd is there, listening or not. */
export function containerdIsRunning(folder: NodeFolder): boolean {
  const known = knownProcess(folder)
  return known !== undefined && isRunning(known)
}

/** The version of the containerd on this machine. */
async function containerdVersion(): Promise<ContainerdVersion> {
  const output = await run('containerd', ['--version'])
  const version = parseContainerdVersion(output)
  if (!version) throw new Error(`containerd does not tell its version: ${output.trim()}`)
  return version
}

/** Which snapshotter the node's containerd uses: an overlay cannot lie on another overlay. */
export function snapshotterFor(folder: NodeFolder): 'overlayfs' | 'native' {
  return fileSystemType(folder.containerdRoot) === 'overlay' ? 'native' : 'overlayfs'
}

async function writeConfiguration(folder: NodeFolder): Promise<string> {
  const { containerdRoot, containerdState, cniConfiguration, cniPlugins } = folder
  for (const path of [containerdRoot, containerdState, cniConfiguration, cniPlugins]) {
    mkdirSync(path, { recursive: true, mode: 0o700 })
  }
  linkPlugins(cniPlugins)
  const file = `${folder.path}/containerd.toml`
  const text = containerdConfig({
    root: containerdRoot,
    state: containerdState,
    socket: folder.containerdSocket,
    version: await containerdVersion(),
    sandboxImage: pauseImageName,
    cniPlugins,
    cniConfiguration,
    snapshotter: snapshotterFor(folder),
    restrictOomScoreAdj: !mayLowerOomScore(),
  })
  writeIfChanged(file, text)
  return file
}

/** The machine's plugins, by links, so that others can be installed beside them for one node alone. */
function linkPlugins(folder: string): void {
  const machines = cniPluginFolders.find((path) => existsSync(join(path, 'bridge')))
  if (machines === undefined) throw new Error(`no CNI plugins in ${cniPluginFolders.join(', ')}`)
  const there = new Set(readdirSync(folder))
  for (const name of readdirSync(machines)) {
    if (!there.has(name)) symlinkSync(join(machines, name), join(folder, name))
  }
}

/** CAP_SYS_RESOURCE (24) among the effective capabilities. */
function mayLowerOomScore(): boolean {
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0'
  return ((BigInt(`0x${effective}`) >> 24n) & 1n) === 1n
}

function knownProcess(folder: NodeFolder): ProcessIdentity | undefined {
  const text = readIfExists(folder.containerdPidFile)
  return text === undefined ? undefined : (JSON.parse(text) as ProcessIdentity)
}

function lastLine(file: string): string {
  return readIfExists(file)?.trim().split('\n').at(-1) ?? 'no message'
}
