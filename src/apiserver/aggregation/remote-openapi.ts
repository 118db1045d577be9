import { goJson } from '../../machinery/go-json.ts'
import type { JsonValue } from '../../machinery/meta.ts'
import { jsonEqual } from '../../machinery/equal.ts'
import type { JsonObject } from '../../api/openapi/input.ts'
import type { AvailabilityContext } from './availability.ts'
import type { RemoteApi } from './remote-apis.ts'
import { backendOf, fetchFrom } from './remote-server.ts'

const timeoutMs = 10_000

/** What remote servers say of their APIs in OpenAPI. Those that do not answer are left out. */
export class RemoteOpenApi {
  readonly #apis: () => readonly RemoteApi[]
  readonly #context: AvailabilityContext

  constructor(apis: () => readonly RemoteApi[], context: AvailabilityContext) {
    this.#apis = apis
    this.#context = context
  }

  /** The document with the paths of remote APIs, and the definitions that they need; undefined where there are none. */
  async mergeV2(document: () => JsonObject): Promise<JsonObject | undefined> {
    let merged: JsonObject | undefined
    for (const api of this.#available()) {
      const remote = await this.#fetch(api, '/openapi/v2')
      if (remote) merged = addPaths(merged ?? document(), remote, `/apis/${api.group}/${api.version}`)
    }
    return merged
  }

  /** Entries of the index of OpenAPI v3, by name. */
  async v3Entries(): Promise<JsonObject> {
    const entries: Record<string, JsonValue> = {}
    for (const api of this.#available()) {
      const index = await this.#fetch(api, '/openapi/v3')
      const name = nameOf(api)
      const entry = (index?.['paths'] as JsonObject | undefined)?.[name]
      if (entry !== undefined) entries[name] = entry
    }
    return entries
  }

  /** A document of OpenAPI v3 of a remote API; undefined when it is none, or its server does not answer. */
  async v3Document(name: string): Promise<Buffer | undefined> {
    const api = this.#available().find((candidate) => nameOf(candidate) === name)
    const document = api && (await this.#fetch(api, `/openapi/v3/${name}`))
    return document && Buffer.from(goJson(document))
  }

  #available(): readonly RemoteApi[] {
    return this.#apis().filter(({ isAvailable }) => isAvailable)
  }

  async #fetch(api: RemoteApi, path: string): Promise<JsonObject | undefined> {
    const { resolve, identity, agents, clock } = this.#context
    try {
      const backend = backendOf(api, resolve, identity)
      const { status, body } = await fetchFrom(backend, path, { timeoutMs, clock, agents })
      return status === 200 ? (JSON.parse(body.toString()) as JsonObject) : undefined
    } catch {
      // Its availability is looked after elsewhere; what other servers say is told all the same.
      return undefined
    }
  }
}

function nameOf({ group, version }: RemoteApi): string {
  return `apis/${group}/${version}`
}

/** Adds what stands below `prefix` in another document, with the definitions that it refers to. */
function addPaths(document: JsonObject, remote: JsonObject, prefix: string): JsonObject {
  const remotePaths = Object.entries((remote['paths'] ?? {}) as JsonObject).filter(
    ([path]) => path === prefix || path.startsWith(`${prefix}/`),
  )
  const definitions = (document['definitions'] ?? {}) as JsonObject
  const names = new Map<string, string>()
  const added: Record<string, JsonValue> = {}
  const remoteDefinitions = (remote['definitions'] ?? {}) as JsonObject
  for (const name of referencedFrom(Object.fromEntries(remotePaths), remoteDefinitions)) {
    const definition = remoteDefinitions[name]!
    const free = freeName(name, definition, definitions)
    names.set(name, free)
    added[free] = definition
  }
  const rename = (value: JsonValue) => renamed(value, names)
  return {
    ...document,
    paths: {
      ...(document['paths'] as JsonObject),
      ...Object.fromEntries(remotePaths.map(([path, item]) => [path, rename(item)])),
    },
    definitions: {
      ...definitions,
      ...Object.fromEntries(
        Object.entries(added).map(([name, definition]) => [name, definitions[name] ?? rename(definition)]),
      ),
    },
  }
}

const referencePrefix = '#/definitions/'

function referencedFrom(value: JsonValue, definitions: JsonObject): ReadonlySet<string> {
  const found = new Set<string>()
  const visit = (part: JsonValue) => {
    if (typeof part !== 'object' || part === null) return
    for (const [key, child] of Object.entries(part)) {
      if (key === '$ref' && typeof child === 'string' && child.startsWith(referencePrefix)) {
        const name = child.slice(referencePrefix.length)
        if (found.has(name) || definitions[name] === undefined) continue
        found.add(name)
        visit(definitions[name])
      } else visit(child)
    }
  }
  visit(value)
  return found
}

/** As upstream, a definition of the same name with another content gets `_v2`, `_v3`, ... */
function freeName(name: string, definition: JsonValue, taken: JsonObject): string {
  let candidate = name
  for (let count = 2; taken[candidate] !== undefined && !jsonEqual(taken[candidate], definition); count++) {
    candidate = `${name}_v${count}`
  }
  return candidate
}

function renamed(value: JsonValue, names: ReadonlyMap<string, string>): JsonValue {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return (value as readonly JsonValue[]).map((item) => renamed(item, names))
  return Object.fromEntries(
    Object.entries(value).map(([key, child]) => {
      if (key !== '$ref' || typeof child !== 'string') return [key, renamed(child, names)]
      const name = child.slice(referencePrefix.length)
      return [key, `${referencePrefix}${names.get(name) ?? name}`]
    }),
  )
}
