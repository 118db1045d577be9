import type { GroupVersionKind } from '../../machinery/meta.ts'
import { hasProtobuf } from '../protobuf/message-plan.ts'
import { returnsDeletedObject } from '../returns-deleted-object.ts'
import { schemaOf } from '../scheme.ts'
import { groupVersionPath, type OpenApiResource, type OpenApiSubresource } from './input.ts'
import { capitalized, definitionName, groupWord, tagOf, typeNames } from './names.ts'
import { type ApiOperation, type ApiPath, json, path, protobuf, responses, yaml } from './operations.ts'
import {
  commonParameters,
  deleteCollectionParameters,
  deleteParameters,
  listParameters,
  optionParameters,
  patchParameters,
  writeParameters,
} from './parameters.ts'

const anything = ['*/*'] as const
const patchTypes = [
  'application/json-patch+json',
  'application/merge-patch+json',
  'application/strategic-merge-patch+json',
  'application/apply-patch+yaml',
] as const

const proxyMethods = ['delete', 'get', 'head', 'options', 'patch', 'post', 'put'] as const

/** Subresources that are connections, with their methods. */
const connections: Readonly<Record<string, readonly ApiOperation['method'][]>> = {
  attach: ['get', 'post'],
  exec: ['get', 'post'],
  portforward: ['get', 'post'],
  proxy: proxyMethods,
}

/** All paths of one resource in one version. */
export function pathsOf(served: OpenApiResource): ApiPath[] {
  const builder = new ResourcePaths(served)
  return [...builder.ownPaths(), ...builder.subresourcePaths(), ...builder.watchPaths()]
}

class ResourcePaths {
  readonly #served: OpenApiResource
  readonly #kind: GroupVersionKind
  /** `/apis/apps/v1` */
  readonly #root: string
  readonly #groupVersion: string
  readonly #produces: readonly string[]

  constructor(served: OpenApiResource) {
    const { group, version, kind } = served.resource
    this.#served = served
    this.#kind = { group, version, kind }
    this.#root = `/${groupVersionPath(served.resource)}`
    this.#groupVersion = `${groupWord(group)}${capitalized(version)}`
    const schema = served.custom ? undefined : schemaOf(this.#kind)
    this.#produces = schema && hasProtobuf(schema) ? [json, yaml, protobuf] : [json, yaml]
  }

  /** The collection, its objects and, of namespaced resources, the collection in all namespaces. */
  ownPaths(): ApiPath[] {
    const { resource, verbs } = this.#served
    const collection = this.#has('list') ? [this.#list(this.#scoped(resource.kind))] : []
    if (this.#has('create')) collection.push(this.#create(this.#kind, this.#scoped(resource.kind)))
    if (this.#has('deletecollection')) collection.push(this.#deleteCollection())
    const item = verbs.flatMap((verb) => this.#itemOperation(verb, this.#kind, ''))
    if (this.#has('delete')) item.push(this.#delete())
    const everywhere = resource.namespaced && this.#has('list')
    return [
      ...path(this.#collectionPath(), resource.kind, collection),
      ...path(this.#itemPath(), resource.kind, item),
      ...(everywhere
        ? path(`${this.#root}/${resource.resource}`, resource.kind, [
            this.#list(`${resource.kind}ForAllNamespaces`),
          ])
        : []),
    ]
  }

  subresourcePaths(): ApiPath[] {
    return (this.#served.subresources ?? []).flatMap((subresource) => {
      const connected = connections[subresource.name]
      if (connected) return this.#connect(subresource, connected)
      if (subresource.name === 'log') return this.#log(subresource)
      const { name, kind, verbs } = subresource
      const suffix = capitalized(name)
      const operations = verbs.flatMap((verb) => this.#itemOperation(verb, kind, suffix))
      if (verbs.includes('create')) {
        operations.push(this.#create(kind, `${this.#scoped(this.#kind.kind)}${suffix}`))
      }
      return path(`${this.#itemPath()}/${name}`, kind.kind, operations)
    })
  }

  /** The old way to watch, by a path of its own. */
  watchPaths(): ApiPath[] {
    if (!this.#has('watch')) return []
    const { resource } = this.#served
    const { kind } = resource
    const watch = `${this.#root}/watch`
    const below = (full: string) => full.replace(this.#root, watch)
    const scoped = this.#scoped(kind)
    const everywhere = this.#watch('watchlist', `${kind}ListForAllNamespaces`)
    return [
      ...(resource.namespaced ? path(`${watch}/${resource.resource}`, kind, [everywhere]) : []),
      ...path(below(this.#collectionPath()), kind, [this.#watch('watchlist', `${scoped}List`)]),
      ...path(below(this.#itemPath()), kind, [this.#watch('watch', scoped)]),
    ]
  }

  #has(verb: string): boolean {
    return this.#served.verbs.includes(verb)
  }

  #scoped(kind: string): string {
    return this.#served.resource.namespaced ? `Namespaced${kind}` : kind
  }

  #collectionPath(): string {
    const { namespaced, resource } = this.#served.resource
    return namespaced ? `${this.#root}/namespaces/{namespace}/${resource}` : `${this.#root}/${resource}`
  }

  #itemPath(): string {
    return `${this.#collectionPath()}/{name}`
  }

  #operation(
    verb: string,
    name: string,
    rest: Omit<ApiOperation, 'operationId' | 'tag' | 'consumes' | 'produces' | 'kind'> &
      Partial<Pick<ApiOperation, 'consumes' | 'produces' | 'kind'>>,
  ): ApiOperation {
    return {
      operationId: `${verb}${this.#groupVersion}${name}`,
      tag: tagOf(this.#kind.group, this.#kind.version),
      kind: this.#kind,
      consumes: anything,
      produces: this.#produces,
      ...rest,
      parameters: [...rest.parameters, ...commonParameters],
    }
  }

  #itemOperation(verb: string, kind: GroupVersionKind, suffix: string): ApiOperation[] {
    const name = `${this.#scoped(this.#kind.kind)}${suffix}`
    const type = definitionName(kind)
    const of = suffix
      ? `${suffix.toLowerCase()} of the specified ${this.#kind.kind}`
      : `the specified ${kind.kind}`
    switch (verb) {
      case 'get':
        return [
          this.#operation('read', name, {
            method: 'get',
            description: `read ${of}`,
            action: 'get',
            kind,
            parameters: [],
            responses: responses(type, 200),
          }),
        ]
      case 'update':
        return [
          this.#operation('replace', name, {
            method: 'put',
            description: `replace ${of}`,
            action: 'put',
            kind,
            parameters: writeParameters,
            body: { type, required: true },
            responses: responses(type, 200, 201),
          }),
        ]
      case 'patch':
        return [
          this.#operation('patch', name, {
            method: 'patch',
            description: `partially update ${of}`,
            action: 'patch',
            kind,
            parameters: patchParameters,
            body: { type: typeNames.patch, required: true },
            consumes: this.#served.custom
              ? patchTypes.filter((type) => !type.includes('strategic'))
              : patchTypes,
            responses: responses(type, 200, 201),
          }),
        ]
      default:
        return []
    }
  }

  #list(name: string): ApiOperation {
    const { kind } = this.#kind
    return this.#operation('list', name, {
      method: 'get',
      description: `list or watch objects of kind ${kind}`,
      action: 'list',
      parameters: listParameters,
      produces: this.#streams(),
      responses: responses(this.#listType(), 200),
    })
  }

  #watch(action: string, name: string): ApiOperation {
    const { kind } = this.#kind
    return this.#operation('watch', name, {
      method: 'get',
      description: `watch objects of kind ${kind}. Deprecated: list with the parameter watch instead.`,
      action,
      parameters: listParameters,
      produces: this.#streams(),
      responses: responses(typeNames.watchEvent, 200),
    })
  }

  #create(kind: GroupVersionKind, name: string): ApiOperation {
    const type = definitionName(kind)
    return this.#operation('create', name, {
      method: 'post',
      description: `create ${kind.kind}`,
      action: 'post',
      kind,
      parameters: writeParameters,
      body: { type, required: true },
      responses: responses(type, 200, 201, 202),
    })
  }

  #delete(): ApiOperation {
    const { kind } = this.#kind
    const deleted = returnsDeletedObject(this.#kind) ? definitionName(this.#kind) : typeNames.status
    return this.#operation('delete', this.#scoped(kind), {
      method: 'delete',
      description: `delete the specified ${kind}`,
      action: 'delete',
      parameters: deleteParameters,
      body: { type: typeNames.deleteOptions, required: false },
      responses: responses(deleted, 200, 202),
    })
  }

  #deleteCollection(): ApiOperation {
    return this.#operation('delete', `Collection${this.#scoped(this.#kind.kind)}`, {
      method: 'delete',
      description: `delete a collection of ${this.#kind.kind}`,
      action: 'deletecollection',
      parameters: deleteCollectionParameters,
      body: { type: typeNames.deleteOptions, required: false },
      responses: responses(typeNames.status, 200),
    })
  }

  #log({ name, kind }: OpenApiSubresource): ApiPath[] {
    const operation = this.#operation('read', `${this.#scoped(this.#kind.kind)}${capitalized(name)}`, {
      method: 'get',
      description: `read ${name} of the specified ${this.#kind.kind}`,
      action: 'get',
      parameters: optionParameters({ group: '', version: 'v1', kind: 'PodLogOptions' }),
      produces: ['text/plain', ...this.#produces],
      responses: responses('string', 200),
    })
    return path(`${this.#itemPath()}/${name}`, kind.kind === 'PodLogOptions' ? this.#kind.kind : kind.kind, [
      operation,
    ])
  }

  #connect({ name, kind }: OpenApiSubresource, methods: readonly ApiOperation['method'][]): ApiPath[] {
    const operations = (suffix: string) =>
      methods.map((method) =>
        this.#operation(
          'connect',
          `${capitalized(method)}${this.#scoped(this.#kind.kind)}${capitalized(name)}${suffix}`,
          {
            method,
            description: `connect ${method.toUpperCase()} requests to ${name} of ${this.#kind.kind}`,
            action: 'connect',
            kind,
            parameters: optionParameters(kind),
            produces: anything,
            responses: responses('string', 200),
          },
        ),
      )
    const own = `${this.#itemPath()}/${name}`
    const withoutPretty = (paths: ApiPath[]) =>
      paths.map((each) => ({
        ...each,
        parameters: each.parameters.filter((parameter) => parameter.name !== 'pretty'),
      }))
    const whole = withoutPretty(path(own, kind.kind, operations('')))
    if (name !== 'proxy') return whole
    return [...whole, ...withoutPretty(path(`${own}/{path}`, kind.kind, operations('WithPath')))]
  }

  #listType(): string {
    const kind = this.#served.custom?.listKind ?? `${this.#kind.kind}List`
    return definitionName({ ...this.#kind, kind })
  }

  #streams(): readonly string[] {
    return [
      ...this.#produces,
      ...this.#produces.filter((type) => type !== yaml).map((type) => `${type};stream=watch`),
    ]
  }
}
