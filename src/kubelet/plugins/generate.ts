/**
 * Regenerates what is generated from the .proto files of plugins and of CSI, with buf and protoc-gen-es, offline:
 *
 *     node src/kubelet/plugins/generate.ts
 */
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'

for (const folder of [import.meta.dirname, join(import.meta.dirname, '../volumes/csi')]) {
  const plugin = {
    local: 'protoc-gen-es',
    out: join(folder, 'generated'),
    opt: ['target=ts', 'import_extension=ts', 'erasable_syntax=true'],
  }
  const template = JSON.stringify({ version: 'v2', plugins: [plugin] })
  execFileSync('buf', ['generate', '--template', template], { cwd: join(folder, 'proto'), stdio: 'inherit' })
}
