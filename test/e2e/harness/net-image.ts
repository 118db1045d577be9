import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { busyboxImage, findStaticBusybox } from '../../../src/cluster/images/busybox-image.ts'
import type { TarEntry } from '../../../src/cluster/images/tar.ts'

/** busybox and `net`: see net.pl. */
export const netImage = 'k8ts.test/net:1'

const perl = '/usr/bin/perl'

/** Why there is no such image; false where there is one. */
export const withoutNetImage: string | false = existsSync(perl) ? false : 'there is no perl on this machine'

/** An image with the machine's perl, its basic modules and the libraries that it is linked with. */
export function writeNetImage(): Buffer {
  const base = execFileSync(perl, ['-e', 'print for grep m{/perl-base$}, @INC'], { encoding: 'utf8' })
  const linked = execFileSync('ldd', [perl], { encoding: 'utf8' })
  const libraries = [...linked.matchAll(/(\/\S+) \(0x/g)].map(([, path = '']) => file(path, 0o755))
  const modules = readdirSync(base, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.parentPath.includes('/unicore'))
    .map((entry) => file(join(entry.parentPath, entry.name)))
  const program = { ...file(join(import.meta.dirname, 'net.pl'), 0o755), path: 'bin/net' }
  const files = [file(perl, 0o755), ...libraries, ...modules]
  return busyboxImage(netImage, findStaticBusybox()!, { Cmd: ['sh'] }, [
    ...foldersOf(files).map((path): TarEntry => ({ path, type: 'directory' })),
    ...files,
    program,
  ])
}

function file(path: string, mode = 0o644): TarEntry {
  return { path: path.slice(1), type: 'file', mode, content: readFileSync(path) }
}

function foldersOf(files: readonly TarEntry[]): string[] {
  const parents = files.flatMap(({ path }) => {
    const parts = path.split('/').slice(0, -1)
    return parts.map((_, index) => parts.slice(0, index + 1).join('/'))
  })
  return [...new Set(parents)].sort()
}
