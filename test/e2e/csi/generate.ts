/**
 * Regenerates what is generated from controller.proto, with buf and protoc-gen-es, offline:
 *
 *     node test/e2e/csi/generate.ts
 */
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'

const plugin = {
  local: 'protoc-gen-es',
  out: join(import.meta.dirname, 'generated'),
  opt: ['target=ts', 'import_extension=ts', 'erasable_syntax=true'],
}
const template = JSON.stringify({ version: 'v2', plugins: [plugin] })
execFileSync('buf', ['generate', '--template', template], {
  cwd: join(import.meta.dirname, 'proto'),
  stdio: 'inherit',
})
