import { readFileSync } from 'node:fs'
import { run } from './command.ts'

/** Mount points at or below `folder`, the deepest and latest first: the order to unmount them in. */
export function mountsBelow(
  folder: string,
  mountInfo = readFileSync('/proc/self/mountinfo', 'utf8'),
): string[] {
  return mountInfo
    .split('\n')
    .map((line) => unescapeOctal(line.split(' ')[4] ?? ''))
    .filter((point) => point === folder || point.startsWith(`${folder}/`))
    .toReversed()
}

/** Unmounts everything at or below `folder`, even what is still in use. */
export async function unmountBelow(folder: string): Promise<void> {
  const points = mountsBelow(folder)
  if (points.length > 0) await run('umount', ['--lazy', ...points])
}

/** The type of the file system that holds `path`: `ext4`, `overlay`, ... */
export function fileSystemType(
  path: string,
  mountInfo = readFileSync('/proc/self/mountinfo', 'utf8'),
): string | undefined {
  let found: { readonly point: string; readonly type: string | undefined } | undefined
  for (const line of mountInfo.split('\n')) {
    const [left = '', right = ''] = line.split(' - ')
    const point = unescapeOctal(left.split(' ')[4] ?? '')
    const holds = point === '/' || point === path || path.startsWith(`${point}/`)
    if (point && holds && point.length >= (found?.point.length ?? 0))
      found = { point, type: right.split(' ')[0] }
  }
  return found?.type
}

/** The kernel writes spaces and the like as `\040`. */
function unescapeOctal(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)))
}
