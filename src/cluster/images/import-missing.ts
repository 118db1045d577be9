import { existsSync, readdirSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import { readIfExists, writeAtomically } from '../machine/atomic-file.ts'
import { importImage } from '../runtime/import-image.ts'
import type { ClusterFolder, NodeFolder } from '../state/cluster-folder.ts'
import { pauseImage } from './pause-image.ts'

/** Writes the archives that every node needs before it can run a pod, where they are not there yet. */
export function writeOwnImages(folder: ClusterFolder): void {
  const file = join(folder.images, 'pause.tar')
  if (!existsSync(file)) writeAtomically(file, pauseImage())
}

/** Gives the node every archive in the cluster's images folder that it has not been given yet. */
export async function importMissingImages(folder: ClusterFolder, node: NodeFolder): Promise<void> {
  const archives = readdirSync(folder.images).filter((name) => name.endsWith('.tar'))
  for (const archive of archives.map((name) => join(folder.images, name))) {
    if (!given(node).includes(stamp(archive))) await giveArchive(node, archive)
  }
}

/** Puts the images of an archive into the node, whatever it was given before. Resolves with their names. */
export async function giveArchive(node: NodeFolder, archive: string): Promise<readonly string[]> {
  const names = await importImage(node, archive)
  writeAtomically(givenFile(node), JSON.stringify([...new Set([...given(node), stamp(archive)])]))
  return names
}

function given(node: NodeFolder): readonly string[] {
  return JSON.parse(readIfExists(givenFile(node)) ?? '[]') as readonly string[]
}

/** Beside the images, so that the two cannot come apart. */
function givenFile(node: NodeFolder): string {
  return join(node.containerdRoot, 'given-archives.json')
}

function stamp(archive: string): string {
  const { size, mtimeMs } = statSync(archive)
  return `${basename(archive)} ${size} ${mtimeMs}`
}
