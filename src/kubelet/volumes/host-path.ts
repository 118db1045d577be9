import { lstat, mkdir, stat, writeFile } from 'node:fs/promises'
import type { Stats } from 'node:fs'
import { dirname } from 'node:path'
import type { HostPathVolumeSource } from '../../api/generated/core.v1.ts'
import { VolumeError } from './volume-error.ts'

interface Check {
  readonly is: (stats: Stats) => boolean
  readonly what: string
}

const directory: Check = { is: (stats) => stats.isDirectory(), what: 'a directory' }
const file: Check = { is: (stats) => stats.isFile(), what: 'a file' }
const checks: Readonly<Record<string, Check>> = {
  Directory: directory,
  DirectoryOrCreate: directory,
  File: file,
  FileOrCreate: file,
  Socket: { is: (stats) => stats.isSocket(), what: 'a socket file' },
  CharDevice: { is: (stats) => stats.isCharacterDevice(), what: 'a character device' },
  BlockDevice: { is: (stats) => stats.isBlockDevice(), what: 'a block device' },
}

/** Checks what is at the path, and makes it where the type says so. Resolves with the path. */
export async function prepareHostPath({ path, type = '' }: HostPathVolumeSource): Promise<string> {
  const check = checks[type]
  if (check === undefined) {
    if (type === '') return path
    throw new VolumeError(`hostPath type check failed: unknown type ${type}`)
  }
  if (type === 'DirectoryOrCreate' && !(await exists(path))) {
    await mkdir(path, { recursive: true, mode: 0o755 })
  }
  if (type === 'FileOrCreate' && !(await exists(path))) {
    await mkdir(dirname(path), { recursive: true, mode: 0o755 })
    await writeFile(path, '', { mode: 0o644, flag: 'a' })
  }
  const stats = await stat(path).catch(() => undefined)
  if (stats === undefined || !check.is(stats)) {
    throw new VolumeError(`hostPath type check failed: ${path} is not ${check.what}`)
  }
  return path
}

async function exists(path: string): Promise<boolean> {
  return await lstat(path).then(
    () => true,
    () => false,
  )
}
