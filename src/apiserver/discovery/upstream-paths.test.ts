import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import {
  localSubjectAccessReviews,
  selfSubjectAccessReviews,
  selfSubjectReviews,
  selfSubjectRulesReviews,
  subjectAccessReviews,
  tokenReviews,
} from '../../api/generated/resources.ts'
import type { Resource } from '../../machinery/resource.ts'
import { testUser, startTestServer } from '../testing/test-server.ts'

/*
 * What upstream serves, held against what discovery and OpenAPI say of this server.
 */

interface UpstreamPath {
  readonly path: string
  /** `apps/v1.Deployment`, or `-`. */
  readonly kind: string
  /** `get:list` */
  readonly operations: readonly string[]
}

const upstream: readonly UpstreamPath[] = readFileSync(
  join(import.meta.dirname, 'testing/upstream-paths.txt'),
  'utf8',
)
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('#'))
  .map((line) => {
    const [path = '', kind = '', ...operations] = line.split(' ')
    return { path, kind, operations }
  })

/** Resources of these groups are checked as soon as they are served. */
const toCome =
  /^\/apis\/(?:admissionregistration|apiextensions|apiregistration)\.k8s\.io\/(?:v1\/(?:watch\/)?([^/]+))?/

/** The logs of the API server's machine are not for clients; upstream leaves them out by --enable-logs-handler=false. */
const leftOut = new Set(['/logs/', '/logs/{logpath}'])

const reviews: readonly Resource[] = [
  tokenReviews,
  selfSubjectReviews,
  subjectAccessReviews,
  localSubjectAccessReviews,
  selfSubjectAccessReviews,
  selfSubjectRulesReviews,
]

async function startServer() {
  const testServer = await startTestServer()
  for (const resource of reviews) {
    testServer.server.resources.addResponder({ resource, respond: (question) => Promise.resolve(question) })
  }
  return testServer
}

type Operation = {
  readonly 'x-kubernetes-action'?: string
  readonly 'x-kubernetes-group-version-kind'?: {
    readonly group: string
    readonly version: string
    readonly kind: string
  }
}

test('OpenAPI has every path, method, action and kind that upstream has', async () => {
  await using testServer = await startServer()
  const document = JSON.parse(await testServer.server.raw(testUser, '/openapi/v2')) as {
    readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  }
  const missing: string[] = []
  const served = new Set(Object.keys(document.paths).map((path) => toCome.exec(path)?.[1]))
  const isServed = (path: string) => {
    const found = toCome.exec(path)
    return !found || (found[1] !== undefined && served.has(found[1]))
  }
  for (const { path, kind, operations } of upstream) {
    if (leftOut.has(path) || !isServed(path)) continue
    const item = document.paths[path]
    for (const wanted of operations) {
      const [method = '', action] = wanted.split(':')
      const operation = item?.[method]
      const found = operation?.['x-kubernetes-group-version-kind']
      const foundKind = found
        ? `${found.group === '' ? '' : `${found.group}/`}${found.version}.${found.kind}`
        : '-'
      if (!operation) missing.push(`${method} ${path}`)
      else if (operation['x-kubernetes-action'] !== action)
        missing.push(`${method} ${path}: action ${action}`)
      else if (foundKind !== kind && kind !== '-') missing.push(`${method} ${path}: kind ${kind}`)
    }
  }
  assert.deepEqual(missing, [])
})

const verbs: Readonly<Record<string, string>> = {
  get: 'get',
  list: 'list',
  watch: 'watch',
  watchlist: 'watch',
  post: 'create',
  put: 'update',
  patch: 'patch',
  delete: 'delete',
  deletecollection: 'deletecollection',
}

/** `deployments/scale`: what a path is of, without namespaces and names. */
function resourceIn(path: string): { readonly root: string; readonly name: string } | undefined {
  const [, root, rest] = /^(\/api\/v1|\/apis\/[^/]+\/[^/]+)\/(.+)$/.exec(path) ?? []
  if (root === undefined || rest === undefined) return undefined
  const name = rest
    .replace(/^watch\//, '')
    .replace(/^namespaces\/\{namespace\}\/(?!$)/, '')
    .replace(/\/\{path\}$/, '')
    .replace(/\/\{name\}/, '')
  return { root, name }
}

test('discovery has every resource, verb and kind that upstream has', async () => {
  await using testServer = await startServer()
  const documents = new Map<string, Map<string, { kind: string; verbs: readonly string[] }>>()
  const missing = new Set<string>()
  const { paths: groups } = JSON.parse(await testServer.server.raw(testUser, '/')) as {
    readonly paths: readonly string[]
  }
  for (const { path, kind, operations } of upstream) {
    const found = resourceIn(path)
    if (!found || kind === '-') continue
    if (toCome.test(path) && !groups.includes(found.root)) continue
    if (!documents.has(found.root)) {
      const list = JSON.parse(await testServer.server.raw(testUser, found.root)) as {
        readonly resources: readonly { name: string; kind: string; verbs: readonly string[] }[]
      }
      documents.set(found.root, new Map(list.resources.map((resource) => [resource.name, resource])))
    }
    const resource = documents.get(found.root)!.get(found.name)
    if (!resource) {
      if (toCome.test(path)) continue
      missing.add(`${found.root}/${found.name}`)
      continue
    }
    if (resource.kind !== kind.replace(/^.*\./, '')) missing.add(`${found.root}/${found.name}: ${kind}`)
    for (const operation of operations) {
      const verb = verbs[operation.split(':')[1] ?? '']
      if (verb && !resource.verbs.includes(verb)) missing.add(`${found.root}/${found.name}: ${verb}`)
    }
  }
  assert.deepEqual([...missing], [])
})
