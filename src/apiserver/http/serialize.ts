import { encodeProtobuf } from '../../api/protobuf/envelope.ts'
import { schemaOf } from '../../api/scheme.ts'
import { goJson, goJsonLine } from '../../machinery/go-json.ts'
import type { GroupVersionKind, KubernetesObject } from '../../machinery/meta.ts'
import type { ObjectSchema } from '../../machinery/schema.ts'
import { toYaml } from '../../machinery/go-yaml.ts'
import type { WantedForm } from './negotiate.ts'

/** An object as bytes, in the form asked for. `schema` is that of its kind where it is not built in. */
export function serialize(
  object: KubernetesObject,
  { mediaType, pretty }: Pick<WantedForm, 'mediaType' | 'pretty'>,
  schema?: ObjectSchema,
): Buffer {
  switch (mediaType) {
    case 'application/json':
      // What is indented ends without a line break.
      return Buffer.from(pretty ? goJson(object, 2) : goJsonLine(object))
    case 'application/yaml':
      return Buffer.from(toYaml(object))
    case 'application/vnd.kubernetes.protobuf':
      return encodeProtobuf(object, schema ?? requiredSchema(object))
  }
}

function requiredSchema(object: KubernetesObject): ObjectSchema {
  const schema = schemaOf(kindOf(object))
  if (!schema) throw new Error(`no schema of ${object.apiVersion} ${object.kind}`)
  return schema
}

/** Group, version and kind that an object names. */
export function kindOf({ apiVersion = '', kind = '' }: KubernetesObject): GroupVersionKind {
  const slash = apiVersion.indexOf('/')
  if (slash < 0) return { group: '', version: apiVersion, kind }
  return { group: apiVersion.slice(0, slash), version: apiVersion.slice(slash + 1), kind }
}
