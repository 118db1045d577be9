import type {
  CustomResourceDefinition,
  CustomResourceDefinitionVersion,
  JSONSchemaProps,
} from '../src/api/generated/apiextensions.v1.ts'
import { seededRandom } from '../src/machinery/random.ts'

type Properties = Readonly<Record<string, JSONSchemaProps>>

const groupSize = 10
/** The length of a schema as JSON, in bytes: from that of a small operator's kind to that of Prometheus or a pod template. */
const schemaBytes = [20_000, 30_000, 40_000, 45_000, 65_000] as const

const nouns =
  'certificate issuer endpoint replica secret bucket policy network template volume listener route target reference interval retention backend tenant credential provider'
const verbs =
  'selects describes limits overrides configures references rotates exposes encrypts replicates schedules authenticates'
const rest =
  'the of a to and for in which is must be set when not given defaults to by this resource controller namespace name value it only if it was created before same as empty optional maximum allowed'
const [nounList, verbList, restList] = [nouns, verbs, rest].map((words) => words.split(' ')) as [
  string[],
  string[],
  string[],
]

/**
 * CustomResourceDefinitions of the shape and size that generators of operators write: descriptions at every field, deep
 * objects, lists with keys, conditions, columns, rules; some in two versions. The same for the same index everywhere.
 */
export function aCustomDefinition(index: number): CustomResourceDefinition {
  const group = `operator${Math.floor(index / groupSize)}.bench.example.com`
  const kind = `Thing${index}`
  const plural = `thing${index}s`
  const bytes = schemaBytes[index % schemaBytes.length]!
  const names = index % 9 === 0 ? ['v1', 'v1beta1'] : ['v1']
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: {
      name: `${plural}.${group}`,
      annotations: { 'controller-gen.kubebuilder.io/version': 'v0.17.0' },
      labels: { 'app.kubernetes.io/name': `operator-${Math.floor(index / groupSize)}` },
    },
    spec: {
      group,
      scope: index % 4 === 0 ? 'Cluster' : 'Namespaced',
      names: {
        kind,
        listKind: `${kind}List`,
        plural,
        singular: kind.toLowerCase(),
        shortNames: [`th${index}`],
        categories: ['bench'],
      },
      versions: names.map((name) => aVersion(name, index, bytes / names.length)),
    },
  }
}

function aVersion(name: string, seed: number, bytes: number): CustomResourceDefinitionVersion {
  const schema = new SchemaMaker(seed)
  return {
    name,
    served: true,
    storage: name === 'v1',
    subresources: { status: {} },
    additionalPrinterColumns: [
      { name: 'Ready', type: 'string', jsonPath: '.status.conditions[?(@.type=="Ready")].status' },
      { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
    ],
    schema: {
      openAPIV3Schema: {
        type: 'object',
        description: schema.text(30),
        properties: {
          apiVersion: { type: 'string', description: schema.text(40) },
          kind: { type: 'string', description: schema.text(40) },
          metadata: { type: 'object' },
          spec: schema.object(bytes - 3_000),
          status: { type: 'object', description: schema.text(10), properties: schema.status() },
        },
        required: ['spec'],
      },
    },
  }
}

class SchemaMaker {
  readonly #random

  constructor(seed: number) {
    this.#random = seededRandom(seed)
  }

  text(words: number): string {
    const text = Array.from({ length: words }, (_, index) => {
      const list = index % 5 === 1 ? nounList : index % 5 === 2 ? verbList : restList
      return this.#pick(list)
    }).join(' ')
    return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`
  }

  /** About so many bytes of fields, in objects as deep as they then get. */
  object(bytes: number): JSONSchemaProps {
    const properties: Record<string, JSONSchemaProps> = {}
    let left = bytes - 150
    for (let index = 0; left > 0; index++) {
      const isDeep = left > 2_000 && index % 3 === 2
      const size = isDeep ? Math.min(left, 1_500 + Math.floor(left / 2)) : 250
      const field = isDeep ? this.#deep(size, index) : this.#plain(index)
      properties[`${this.#pick(nounList)}${this.#pick(['Ref', 'Name', 'Spec', 'Config', ''])}${index}`] =
        field
      left -= size
    }
    return {
      type: 'object',
      description: this.text(12),
      properties,
      required: Object.keys(properties).slice(0, 1),
    }
  }

  status(): Properties {
    const text = (words: number) => ({ type: 'string', description: this.text(words) })
    const condition: Properties = {
      lastTransitionTime: { ...text(15), format: 'date-time' },
      message: { ...text(8), maxLength: 32768 },
      observedGeneration: { type: 'integer', format: 'int64', minimum: 0, description: this.text(25) },
      reason: { ...text(25), pattern: '^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$', minLength: 1 },
      status: { ...text(6), enum: ['True', 'False', 'Unknown'] },
      type: { ...text(5), maxLength: 316 },
    }
    const items = { type: 'object', properties: condition, required: ['status', 'type'] }
    return {
      conditions: {
        type: 'array',
        items,
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-list-map-keys': ['type'],
      },
      observedGeneration: { type: 'integer', format: 'int64' },
    }
  }

  #deep(bytes: number, index: number): JSONSchemaProps {
    const object = this.object(bytes - 200)
    if (index % 2 === 0) return object
    const description = this.text(15)
    return index % 4 === 1
      ? { type: 'array', description, items: object, 'x-kubernetes-list-type': 'atomic' }
      : { type: 'object', description, additionalProperties: object }
  }

  #plain(index: number): JSONSchemaProps {
    const description = this.text(18 + (index % 7) * 3)
    switch (index % 6) {
      case 0:
        return { type: 'string', description, enum: ['Always', 'Never', 'IfNotPresent'] }
      case 1:
        return { type: 'integer', format: 'int32', description, minimum: 0, default: 1 }
      case 2:
        return {
          description,
          anyOf: [{ type: 'integer' }, { type: 'string' }],
          'x-kubernetes-int-or-string': true,
        }
      case 3:
        return { type: 'object', description, additionalProperties: { type: 'string' } }
      case 4:
        return { type: 'string', description, minLength: 1, maxLength: 253, pattern: '^[a-z0-9-]+$' }
      default:
        return { type: 'boolean', description }
    }
  }

  #pick<T>(list: readonly T[]): T {
    return list[Math.floor(this.#random.next() * list.length)]!
  }
}
