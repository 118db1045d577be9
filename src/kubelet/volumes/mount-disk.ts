import { execFile } from 'node:child_process'
import type { Mounter } from './mounts.ts'
import { VolumeError } from './volume-error.ts'

export interface Disk {
  readonly device: string
  /** Of the file system that it is to have; '' for ext4. */
  readonly fsType: string
  readonly mountOptions: readonly string[]
}

/** Runs a program of the machine to its end, whatever its exit code: 127 when there is none of that name. */
export type RunProgram = (
  program: string,
  args: readonly string[],
) => Promise<{ readonly exitCode: number; readonly output: string }>

/** Exit codes: of blkid, of fsck, of a program that is not there. */
const [nothingFound, uncorrectedErrors, notRun] = [2, 4, 127]

/**
 * Mounts a block device; one that holds nothing is formatted first, and one that holds something else is left alone.
 * Rejects with VolumeError. Source: k8s.io/mount-utils, FormatAndMount.
 */
export async function mountDisk(
  { device, fsType, mountOptions }: Disk,
  target: string,
  mounter: Mounter,
  run: RunProgram = runProgram,
): Promise<void> {
  const wanted = fsType || 'ext4'
  const found = await contentOf(device, run)
  if (found === undefined) await format(device, wanted, run)
  else if (found !== wanted)
    throw new VolumeError(
      `failed to mount the volume as "${wanted}", it already contains ${found}. Mount error: ${device} is not formatted`,
    )
  else await repair(device, run)
  await mounter.mount(wanted, device, target, [...mountOptions, 'defaults'])
}

/** The type of its file system; undefined when nothing is on it. */
async function contentOf(device: string, run: RunProgram): Promise<string | undefined> {
  const { exitCode, output } = await run('blkid', [
    '-p',
    '-s',
    'TYPE',
    '-s',
    'PTTYPE',
    '-o',
    'export',
    device,
  ])
  if (exitCode === nothingFound) return undefined
  if (exitCode !== 0) throw new VolumeError(`blkid ${device}: exit code ${exitCode}: ${output.trim()}`)
  const values = new Map(output.split('\n').map((line) => line.split('=', 2) as [string, string]))
  if (values.has('PTTYPE')) return 'unknown data, probably partitions'
  return values.get('TYPE') || undefined
}

async function format(device: string, fsType: string, run: RunProgram): Promise<void> {
  const args = fsType === 'ext4' || fsType === 'ext3' ? ['-F', '-m0', device] : [device]
  const { exitCode, output } = await run(`mkfs.${fsType}`, args)
  if (exitCode !== 0)
    throw new VolumeError(
      `format of disk "${device}" failed: type:("${fsType}") options:("defaults") errcode:(exit status ${exitCode}) output:(${output.trim()})`,
    )
}

/** Where it does not help, or there is no program for the type, mounting says whether the file system will do. */
async function repair(device: string, run: RunProgram): Promise<void> {
  const { exitCode, output } = await run('fsck', ['-a', device])
  if (exitCode === uncorrectedErrors)
    throw new VolumeError(
      `'fsck' found errors on device ${device} but could not correct them: ${output.trim()}`,
    )
}

const runProgram: RunProgram = (program, args) =>
  new Promise((resolve) => {
    execFile(program, args, (error, stdout, stderr) => {
      if (!error) resolve({ exitCode: 0, output: stdout + stderr })
      else if (typeof error.code === 'number') resolve({ exitCode: error.code, output: stdout + stderr })
      else resolve({ exitCode: notRun, output: error.message })
    })
  })
