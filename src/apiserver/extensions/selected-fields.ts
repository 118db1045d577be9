import type { CustomResourceDefinitionVersion } from '../../api/generated/apiextensions.v1.ts'
import { findJsonPath, parseJsonPath, type JsonPath } from '../../machinery/json-path.ts'
import type { JsonValue, KubernetesObject } from '../../machinery/meta.ts'

/** The values of the fields by which any version's objects can be selected, by label. */
export function selectedFields(
  versions: readonly CustomResourceDefinitionVersion[],
): (object: KubernetesObject) => Readonly<Record<string, string>> {
  let paths: ReadonlyMap<string, JsonPath> | undefined
  return (object) => {
    paths ??= pathsOf(versions)
    return Object.fromEntries(
      Array.from(paths, ([label, path]) => {
        const [[value] = []] = findJsonPath(path, object as unknown as JsonValue, { allowMissingKeys: true })
        return [label, value === undefined || value === null ? '' : String(value)]
      }),
    )
  }
}

function pathsOf(versions: readonly CustomResourceDefinitionVersion[]): ReadonlyMap<string, JsonPath> {
  const paths = new Map<string, JsonPath>()
  for (const { selectableFields = [] } of versions) {
    for (const { jsonPath } of selectableFields) {
      paths.set(jsonPath.replace(/^\./, ''), parseJsonPath(`{${jsonPath}}`))
    }
  }
  return paths
}
