/**
 * Regenerates generated/api_pb.ts from cri-api's api.proto, with buf and protoc-gen-es, offline:
 *
 *     node src/kubelet/runtime/cri/generate.ts path/to/k8s.io/cri-api/pkg/apis/runtime/v1/api.proto
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const proto = process.argv[2]
if (proto === undefined) throw new Error('usage: generate.ts <api.proto>')

const work = mkdtempSync(join(tmpdir(), 'cri-generate-'))
try {
  // Only names, numbers and types are taken over, no sentences.
  const facts = readFileSync(proto, 'utf8').replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '')
  writeFileSync(join(work, 'api.proto'), facts)
  const template = {
    version: 'v2',
    plugins: [
      {
        local: 'protoc-gen-es',
        out: join(import.meta.dirname, 'generated'),
        opt: ['target=ts', 'import_extension=ts', 'erasable_syntax=true'],
      },
    ],
  }
  writeFileSync(join(work, 'buf.yaml'), JSON.stringify({ version: 'v2' }))
  execFileSync('buf', ['generate', '--template', JSON.stringify(template)], { cwd: work, stdio: 'inherit' })
} finally {
  rmSync(work, { recursive: true })
}
