import { existsSync, mkdirSync, readFileSync } from 'node:fs'
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
  const cniPlugins = cniPluginFolders.find((path) => existsSync(`${path}/bridge`))
  if (cniPlugins === undefined) throw new Error(`no CNI plugins in ${cniPluginFolders.join(', ')}`)
  for (const path of [folder.containerdRoot, folder.containerdState, folder.cniConfiguration]) {
    mkdirSync(path, { recursive: true, mode: 0o700 })
  }
  const file = `${folder.path}/containerd.toml`
  const text = containerdConfig({
    root: folder.containerdRoot,
    state: folder.containerdState,
    socket: folder.containerdSocket,
    version: await containerdVersion(),
    sandboxImage: pauseImageName,
    cniPlugins,
    cniConfiguration: folder.cniConfiguration,
    snapshotter: snapshotterFor(folder),
    restrictOomScoreAdj: !mayLowerOomScore(),
  })
  writeIfChanged(file, text)
  return file
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
