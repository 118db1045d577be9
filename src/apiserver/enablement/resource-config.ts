import { parseGoBool } from '../../machinery/go-bool.ts'
import { apiVersionOf, parseApiVersion, type Resource } from '../../machinery/resource.ts'

/** As `--runtime-config`: `apps/v1`, `certificates.k8s.io/v1beta1/clustertrustbundles`, `api/beta`, each with its value. */
export type RuntimeConfig = Readonly<Record<string, string>>

/** Says of a built-in resource, in its version, whether it is served. */
export type IsServed = (resource: Pick<Resource, 'group' | 'version' | 'resource'>) => boolean

export class RuntimeConfigError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'RuntimeConfigError'
  }
}

const stabilities: readonly (readonly [key: string, pattern: RegExp])[] = [
  ['api/all', /^/],
  ['api/ga', /^v\d+$/],
  ['api/beta', /^v\d+beta\d+$/],
  ['api/alpha', /^v\d+alpha\d+$/],
]

/**
 * What of the built-in resources is served: what is stable, and what the configuration says otherwise. What it says of a
 * resource comes before what it says of a version, and that before `api/...`. Throws RuntimeConfigError in upstream's words.
 * Source: k8s.io/apiserver/pkg/server/resourceconfig, .../options/api_enablement.go.
 */
export function resourceConfig(said: RuntimeConfig, known: readonly Resource[]): IsServed {
  if (said['api/all'] === 'false' && Object.keys(said).length === 1) {
    throw new RuntimeConfigError('invalid runtime-config with only api/all=false')
  }
  const versions = new Set(known.map(apiVersionOf))
  const groups = new Set(known.map(({ group }) => group))
  const { byVersion, byResource } = preferences(said, versions, groups)
  const byStability = stabilities.flatMap(([key, pattern]) => {
    const value = said[key]
    if (value === undefined) return []
    if (value !== 'true' && value !== 'false') {
      throw new RuntimeConfigError(`invalid value ${key}=${value}`)
    }
    return [{ pattern, enabled: value === 'true' }]
  })
  return (resource) => {
    const ofVersion = apiVersionOf(resource)
    return (
      byResource.get(`${ofVersion}/${resource.resource}`) ??
      byVersion.get(ofVersion) ??
      byStability.findLast(({ pattern }) => pattern.test(resource.version))?.enabled ??
      /^v\d+$/.test(resource.version)
    )
  }
}

/** Throws RuntimeConfigError. */
function preferences(said: RuntimeConfig, versions: ReadonlySet<string>, groups: ReadonlySet<string>) {
  const byVersion = new Map<string, boolean>()
  const byResource = new Map<string, boolean>()
  const keys = Object.keys(said).filter((key) => stabilities.every(([known]) => known !== key))
  const parsed = keys.map((key) => ({ key, ...parseKey(key) }))
  const unknown = parsed.filter(({ group }) => !groups.has(group)).map(({ apiVersion }) => apiVersion)
  if (unknown.length > 0) {
    throw new RuntimeConfigError(`unknown api groups ${[...new Set(unknown)].sort().join(',')}`)
  }
  for (const { key, apiVersion, resource } of parsed) {
    if (!versions.has(apiVersion)) {
      throw new RuntimeConfigError(`group version ${apiVersion} that has not been registered`)
    }
    const enabled = booleanOf(key, said[key] ?? '')
    if (resource === undefined) byVersion.set(apiVersion, enabled)
    else if (resource === resource.toLowerCase()) byResource.set(`${apiVersion}/${resource}`, enabled)
    else {
      throw new RuntimeConfigError(
        `invalid key ${key}: group/version/resource and resource is always lowercase plural, not ${JSON.stringify(resource)}`,
      )
    }
  }
  return { byVersion, byResource }
}

/** `/v1` and `/v1/pods` are of the core group. */
function parseKey(key: string) {
  const [group = '', version = '', resource, ...more] = key.split('/')
  const parsed = parseApiVersion(`${group}/${version}`)
  if (!parsed || version === '' || more.length > 0) {
    throw new RuntimeConfigError(`runtime-config invalid key ${key}`)
  }
  return { group, apiVersion: apiVersionOf({ group, version }), resource }
}

/** Nothing behind the key is as good as `true`. */
function booleanOf(key: string, value: string): boolean {
  const boolean = value === '' ? true : parseGoBool(value)
  if (boolean !== undefined) return boolean
  throw new RuntimeConfigError(
    `invalid value of ${key}: ${value}, err: strconv.ParseBool: parsing ${JSON.stringify(value)}: invalid syntax`,
  )
}
