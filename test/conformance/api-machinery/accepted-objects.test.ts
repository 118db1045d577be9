import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { sharedCluster } from '../harness/shared-cluster.ts'

/** Objects whose values are odd but right, by topic: upstream takes every one of them. */
const folder = join(import.meta.dirname, 'accepted-objects')

interface Manifest {
  readonly apiVersion: string
  readonly kind: string
  readonly name: string
  readonly text: string
}

function manifestsOf(file: string): readonly Manifest[] {
  const texts = readFileSync(join(folder, file), 'utf8').split('\n---\n')
  return texts.map((text) => {
    const field = (pattern: RegExp) => pattern.exec(text)?.[1] ?? ''
    return {
      apiVersion: field(/^apiVersion: (.+)$/m),
      kind: field(/^kind: (.+)$/m),
      name: field(/\b(?:name|generateName): '?([^\s,']+)/),
      text,
    }
  })
}

describe('accepted objects', () => {
  const shared = sharedCluster()
  for (const file of readdirSync(folder)) {
    for (const { apiVersion, kind, name, text } of manifestsOf(file)) {
      it(`${file}: ${kind} ${name}`, async () => {
        const { api, namespace } = await shared.scope()
        const root = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`
        const { json: found } = await api('GET', root)
        const { resources } = found as { resources: { name: string; kind: string; namespaced: boolean }[] }
        const resource = resources.find((one) => one.kind === kind && !one.name.includes('/'))
        assert.ok(resource, `${root} serves no ${kind}`)
        const path = resource.namespaced ? `${root}/namespaces/${namespace}` : root
        const answer = await api('POST', `${path}/${resource.name}`, {
          query: { dryRun: 'All', fieldValidation: 'Strict' },
          headers: { 'content-type': 'application/yaml' },
          body: text.replaceAll('NAMESPACE', namespace),
        })
        assert.equal(answer.status, 201, answer.text)
      })
    }
  }
})
