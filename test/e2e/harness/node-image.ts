import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { buildSync } from 'esbuild'
import { busyboxImage, findStaticBusybox } from '../../../src/cluster/images/busybox-image.ts'
import type { TarEntry } from '../../../src/cluster/images/tar.ts'
import { root } from './root.ts'

/** busybox, the node that runs this test, and programs of ours under /programs. */
export const nodeImage = 'k8ts.test/node:1'

/** An image with programs bundled from `sources`, paths in the repository, by their names. */
export function writeNodeImage(sources: Readonly<Record<string, string>>): Buffer {
  const linked = execFileSync('ldd', [process.execPath], { encoding: 'utf8' })
  const libraries = [...linked.matchAll(/(\/\S+) \(0x/g)].map(([, path = '']) => path)
  const files: TarEntry[] = [
    ...libraries.map((path) => executable(path.slice(1), readFileSync(path))),
    executable('bin/node', readFileSync(process.execPath)),
    ...Object.entries(sources).map(([name, source]) => executable(`programs/${name}.mjs`, bundle(source))),
  ]
  const folders = new Set(files.flatMap(({ path }) => parentsOf(path)))
  return busyboxImage(nodeImage, findStaticBusybox()!, { Cmd: ['sh'] }, [
    ...[...folders].sort().map((path): TarEntry => ({ path, type: 'directory' })),
    ...files,
  ])
}

function bundle(source: string): Uint8Array {
  const { outputFiles } = buildSync({
    entryPoints: [join(root, source)],
    bundle: true,
    write: false,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    // Packages that are no modules require node's own.
    banner: {
      js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url)",
    },
  })
  return outputFiles[0]!.contents
}

function executable(path: string, content: Uint8Array): TarEntry {
  return { path, type: 'file', mode: 0o755, content: Buffer.from(content) }
}

function parentsOf(path: string): string[] {
  const parts = path.split('/').slice(0, -1)
  return parts.map((_, index) => parts.slice(0, index + 1).join('/'))
}
