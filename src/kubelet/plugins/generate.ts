/**
 * Regenerates what is generated from the .proto files of plugins, CSI, devices, dynamic resources and
 * containerd's events, with buf and protoc-gen-es, offline:
 *
 *     node src/kubelet/plugins/generate.ts
 */
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'

const folders = ['.', '../volumes/csi', '../devices', '../dra', '../runtime/containerd'].map((folder) =>
  join(import.meta.dirname, folder),
)
for (const folder of folders) {
  const plugin = {
    local: 'protoc-gen-es',
    out: join(folder, 'generated'),
    opt: ['target=ts', 'import_extension=ts', 'erasable_syntax=true'],
  }
  const template = JSON.stringify({ version: 'v2', plugins: [plugin] })
  execFileSync('buf', ['generate', '--template', template], { cwd: join(folder, 'proto'), stdio: 'inherit' })
}
