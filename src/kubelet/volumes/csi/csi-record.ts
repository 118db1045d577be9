import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ifThere } from '../../if-there.ts'
import { podDirectory } from '../pod-directory.ts'
import { sha256, type CsiVolume } from './csi-volume.ts'

/** What stands beside a volume of a pod, so that a kubelet that knows no more of it can take it back. */
export interface CsiRecord {
  readonly driverName: string
  readonly volumeHandle: string
  readonly specVolID: string
  readonly nodeName: string
  readonly attachmentID: string
  readonly volumeLifecycleMode: CsiVolume['lifecycle']
  readonly targetPath: string
  /** Absent for volumes that are not staged. */
  readonly stagingPath?: string
  /** The driver may not be told before the node has the volume: it counts as in use. */
  readonly isAttached: boolean
}

export interface CsiPaths {
  /** The directory of the record. */
  readonly record: string
  readonly target: string
  readonly staging: string
}

const recordFile = 'vol_data.json'
const pluginName = 'csi'

/** Where a volume stands, as upstream lays it out. */
export function csiPaths(rootDirectory: string, volume: CsiVolume, podUID: string): CsiPaths {
  const record = podDirectory(rootDirectory, podUID).volume(pluginName, volume.specName)
  const root = join(rootDirectory, 'plugins/kubernetes.io/csi')
  return volume.isBlock
    ? {
        record,
        target: join(root, 'volumeDevices/publish', volume.specName, podUID),
        staging: join(root, 'volumeDevices/staging', volume.specName),
      }
    : {
        record,
        target: join(record, 'mount'),
        staging: join(root, volume.driver, sha256(volume.volumeHandle), 'globalmount'),
      }
}

export async function writeRecord(directory: string, record: CsiRecord): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o750 })
  await writeFile(join(directory, recordFile), JSON.stringify(record), { mode: 0o600 })
}

/** The records of a pod, by their directories. */
export async function recordsOf(
  rootDirectory: string,
  podUID: string,
): Promise<ReadonlyMap<string, CsiRecord>> {
  const folder = podDirectory(rootDirectory, podUID).volume(pluginName, '')
  const records = new Map<string, CsiRecord>()
  for (const name of (await ifThere(readdir(folder))) ?? []) {
    const text = await ifThere(readFile(join(folder, name, recordFile), 'utf8'))
    if (text !== undefined) records.set(join(folder, name), JSON.parse(text) as CsiRecord)
  }
  return records
}

/** Whether a volume of this machine other than that of the record at `except` still needs what is staged there. */
export async function isStagedForOthers(
  rootDirectory: string,
  stagingPath: string,
  except: string,
): Promise<boolean> {
  for (const podUID of await readdir(join(rootDirectory, 'pods')).catch(() => [])) {
    for (const [directory, record] of await recordsOf(rootDirectory, podUID)) {
      if (directory !== except && record.stagingPath === stagingPath) return true
    }
  }
  return false
}
