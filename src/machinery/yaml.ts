import { createRequire } from 'node:module'
import type * as yamlModule from 'js-yaml'

type Yaml = typeof yamlModule

let library: Yaml | undefined

/** The YAML library, loaded when YAML first comes: most processes never see any, and it takes 2 MB of each. */
export function yaml(): Yaml {
  library ??= createRequire(import.meta.url)('js-yaml') as Yaml
  return library
}
