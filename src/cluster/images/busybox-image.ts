import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { ociArchive, type ImageConfig } from './oci-image.ts'
import type { TarEntry } from './tar.ts'

const knownPlaces = ['/bin/busybox', '/usr/bin/busybox']

/** A statically linked busybox of this machine (Debian's busybox-static); undefined when there is none. */
export function findStaticBusybox(places: readonly string[] = knownPlaces): string | undefined {
  return places.find((place) => existsSync(place) && isStatic(readFileSync(place)))
}

/** A static program names no interpreter (program header PT_INTERP). */
function isStatic(elf: Buffer): boolean {
  const is64Bit = elf.readUInt32BE(0) === 0x7f45_4c46 && elf[4] === 2
  if (!is64Bit) return false
  const [offset, size, count] = [Number(elf.readBigUInt64LE(32)), elf.readUInt16LE(54), elf.readUInt16LE(56)]
  return Array.from({ length: count }, (_, index) => elf.readUInt32LE(offset + index * size)).every(
    (type) => type !== 3,
  )
}

/** The files of a small system around a static busybox: a shell, and a link for each of its tools. */
function busyboxSystem(busybox: string): TarEntry[] {
  const tools = execFileSync(busybox, ['--list'], { encoding: 'utf8' }).split('\n').filter(Boolean)
  return [
    ...['bin', 'dev', 'etc', 'home', 'proc', 'root', 'sys', 'usr', 'usr/bin', 'var'].map(
      (path): TarEntry => ({ path, type: 'directory' }),
    ),
    { path: 'tmp', type: 'directory', mode: 0o1777 },
    {
      path: 'etc/passwd',
      type: 'file',
      content: 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n',
    },
    { path: 'etc/group', type: 'file', content: 'root:x:0:\nnogroup:x:65534:\n' },
    { path: 'bin/busybox', type: 'file', mode: 0o755, content: readFileSync(busybox) },
    ...tools
      .filter((tool) => tool !== 'busybox')
      .map((tool): TarEntry => ({ path: `bin/${tool}`, type: 'symlink', target: 'busybox' })),
    { path: 'usr/bin/env', type: 'symlink', target: '/bin/busybox' },
  ]
}

/** An image named `name` with a shell, busybox's tools and `files`. */
export function busyboxImage(
  name: string,
  busybox: string,
  config: ImageConfig = { Cmd: ['sh'] },
  files: readonly TarEntry[] = [],
): Buffer {
  const environment = ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin']
  return ociArchive({
    name,
    layers: [busyboxSystem(busybox), ...(files.length > 0 ? [files] : [])],
    config: { Env: environment, WorkingDir: '/', ...config },
  })
}
