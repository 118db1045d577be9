import { readFile } from 'node:fs/promises'
import { every, type Clock } from '../../machinery/clock.ts'
import type { Logger } from '../../machinery/log.ts'
import { decodeEncryptionConfiguration } from './encryption-configuration.ts'
import { Encryption } from './encryption.ts'

export interface EncryptionFile {
  readonly path: string
  /** Read the file again when it has changed. */
  readonly reloads: boolean
}

/** How often the file is looked at, where it is. */
const reloadPeriodMs = 10_000
/** For requests that began with the keys before. */
const graceMs = 60_000

/** The encryption that a file describes. */
export interface FileEncryption {
  current(): Encryption
  /** Reads the file again. A file that cannot be read leaves everything as it is, and throws. */
  reload(): Promise<void>
  close(): void
}

export async function openEncryptionFile(
  { path, reloads }: EncryptionFile,
  { clock, log }: { readonly clock: Clock; readonly log: Logger },
): Promise<FileEncryption> {
  let text = await readFile(path, 'utf8')
  let current = await Encryption.open(decodeEncryptionConfiguration(text), clock)
  const reload = async (): Promise<void> => {
    const found = await readFile(path, 'utf8')
    if (found === text) return
    const next = await Encryption.open(decodeEncryptionConfiguration(found), clock)
    if (next.fault !== undefined) {
      next.close()
      throw new Error(`a KMS plugin of the new configuration is not well: ${next.fault}`)
    }
    const before = current
    text = found
    current = next
    clock.after(graceMs, () => before.close())
    log.info('the encryption configuration was loaded again', { path })
  }
  const cancel = reloads
    ? every(clock, reloadPeriodMs, () => {
        reload().catch((error: unknown) => {
          log.error('loading the encryption configuration again failed', { path, error: String(error) })
        })
      })
    : undefined
  return {
    current: () => current,
    reload,
    close() {
      cancel?.()
      current.close()
    },
  }
}
