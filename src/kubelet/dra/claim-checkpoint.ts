import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { ifThere } from '../if-there.ts'

/** A device that a driver has made ready. */
export interface PreparedDevice {
  /** The requests of the claim that it is for; none stands for all. */
  readonly requestNames: readonly string[]
  readonly poolName: string
  readonly deviceName: string
  readonly cdiDeviceIDs: readonly string[]
}

/** A ResourceClaim that pods of this node use, or are about to. */
export interface ClaimRecord {
  readonly uid: string
  readonly name: string
  readonly namespace: string
  readonly podUIDs: readonly string[]
  /** By driver: the devices, once it has prepared them. */
  readonly drivers: Readonly<Record<string, readonly PreparedDevice[] | null>>
}

/** The claims that were in use; none where there is no file. Rejects where it cannot be understood. */
export async function readClaims(file: string): Promise<readonly ClaimRecord[]> {
  const text = await ifThere(readFile(file, 'utf8'))
  if (text === undefined) return []
  return (JSON.parse(text) as { readonly claims: readonly ClaimRecord[] }).claims
}

export async function writeClaims(file: string, claims: Iterable<ClaimRecord>): Promise<void> {
  await mkdir(dirname(file), { recursive: true, mode: 0o750 })
  await writeFile(`${file}.new`, JSON.stringify({ claims: [...claims] }), { mode: 0o600 })
  await rename(`${file}.new`, file)
}
