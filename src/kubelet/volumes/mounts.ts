import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { release } from 'node:os'
import { promisify } from 'node:util'
import { VolumeError } from './volume-error.ts'

const run = promisify(execFile)

/** Mounts and unmounts on this machine; needs root. Rejects with VolumeError. */
export interface Mounter {
  tmpfs(target: string, options: readonly string[]): Promise<void>
  bind(source: string, target: string): Promise<void>
  /** Has what is mounted below a directory, here or in a container that was given it, seen by the other too. */
  share(directory: string): Promise<void>
  /** Mounts a file system of a type that the machine has, or has a program for (`mount.nfs`). */
  mount(type: string, source: string, target: string, options: readonly string[]): Promise<void>
  unmount(target: string): Promise<void>
  /** Mount points at and below `directory`, in the order they were mounted. */
  below(directory: string): Promise<readonly string[]>
}

export const systemMounter: Mounter = {
  // What is in memory because it must not be on a disk is not swapped out, where the kernel can see to that.
  async tmpfs(target, options) {
    const all = (await keepsTmpfsInMemory()) ? [...options, 'noswap'] : options
    await command('mount', ['-t', 'tmpfs', ...(all.length > 0 ? ['-o', all.join(',')] : []), 'tmpfs', target])
  },
  bind: (source, target) => command('mount', ['--no-canonicalize', '--bind', source, target]),
  async share(directory) {
    if (!mountPointsBelow(await readFile('/proc/self/mountinfo', 'utf8'), directory).includes(directory))
      await command('mount', ['--rbind', directory, directory])
    await command('mount', ['--make-rshared', directory])
  },
  mount: (type, source, target, options) =>
    command('mount', ['-t', type, ...(options.length > 0 ? ['-o', options.join(',')] : []), source, target]),
  unmount: (target) => command('umount', ['--lazy', target]),
  below: async (directory) => mountPointsBelow(await readFile('/proc/self/mountinfo', 'utf8'), directory),
}

const noswapSince = [6, 4] as const

/** Whether the kernel has tmpfs's `noswap`, and this process may use it: one in a user namespace may not. */
export async function keepsTmpfsInMemory(kernel = release(), uidMap?: string): Promise<boolean> {
  const [major = 0, minor = 0] = kernel.split('.').map((part) => Number.parseInt(part, 10))
  if (major < noswapSince[0] || (major === noswapSince[0] && minor < noswapSince[1])) return false
  const map = uidMap ?? (await readFile('/proc/self/uid_map', 'utf8').catch(() => ''))
  return /^\s*0\s+0\s+4294967295\s*$/.test(map)
}

async function command(program: string, args: readonly string[]): Promise<void> {
  try {
    await run(program, args)
  } catch (error) {
    const { stderr } = error as { stderr?: unknown }
    const words = typeof stderr === 'string' && stderr !== '' ? stderr.trim() : String(error)
    throw new VolumeError(`${program} ${args.join(' ')}: ${words}`, { cause: error })
  }
}

/** Of /proc/self/mountinfo: the fifth field is the mount point, with spaces and the like as octal escapes. */
export function mountPointsBelow(mountinfo: string, directory: string): readonly string[] {
  const prefix = directory.endsWith('/') ? directory : `${directory}/`
  return mountinfo
    .split('\n')
    .map((line) => line.split(' ')[4])
    .filter((field) => field !== undefined)
    .map(unescapeOctal)
    .filter((path) => path === directory || path.startsWith(prefix))
}

/** The kernel writes spaces and the like as `\040`. */
export function unescapeOctal(text: string): string {
  return text.replaceAll(/\\([0-7]{3})/g, (_, octal: string) =>
    String.fromCharCode(Number.parseInt(octal, 8)),
  )
}
