import { createHash } from 'node:crypto'
import { createReadStream, existsSync, rmSync, statSync } from 'node:fs'
import { rename } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { CliError } from '../cli/cli-error.ts'
import type { NodeImage } from '../control/control-protocol.ts'
import { giveArchive } from '../images/import-missing.ts'
import { unpackTo } from '../images/unpack.ts'
import { isListening } from '../machine/unix-socket.ts'
import { imageNames } from '../runtime/import-image.ts'
import type { ClusterFolder } from '../state/cluster-folder.ts'
import type { ClusterState } from '../state/cluster-state.ts'

/** Puts the images of an archive into every node, also those that are added or started later. Gives their names. */
export async function loadImage(
  folder: ClusterFolder,
  state: ClusterState,
  file: string,
): Promise<readonly string[]> {
  requireContainers(state)
  if (!existsSync(file) || !statSync(file).isFile()) throw new CliError(`${file} is not a file`)
  const kept = join(folder.images, `${await sha256(file)}.tar`)
  const isNew = !existsSync(kept)
  if (isNew) {
    await unpackTo(`${kept}.tmp`, file)
    await rename(`${kept}.tmp`, kept)
  }
  try {
    const nodes = await runningNodes(folder, state)
    const loaded = await Promise.all(nodes.map((node) => giveArchive(folder.node(node), kept)))
    return [...new Set(loaded.flat())]
  } catch (error) {
    if (isNew) rmSync(kept, { force: true })
    throw new CliError(`${basename(file)} cannot be loaded: ${(error as Error).message}`)
  }
}

/** Images by name on each running node. */
export async function listImages(folder: ClusterFolder, state: ClusterState): Promise<readonly NodeImage[]> {
  requireContainers(state)
  const nodes = await runningNodes(folder, state)
  const lists = await Promise.all(
    nodes.map(async (node) => (await imageNames(folder.node(node))).map((name) => ({ node, name }))),
  )
  return lists.flat().filter(({ name }) => !name.startsWith('sha256:'))
}

async function runningNodes(folder: ClusterFolder, state: ClusterState): Promise<string[]> {
  const names = state.nodes.map(({ name }) => name)
  const running = await Promise.all(names.map((name) => isListening(folder.node(name).containerdSocket)))
  return names.filter((_, index) => running[index])
}

function requireContainers(state: ClusterState): void {
  if (state.runtime === 'simulated') {
    throw new CliError(`the nodes of cluster ${state.name} are simulated: every image is taken as present`)
  }
}

async function sha256(file: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer)
  return hash.digest('hex')
}
