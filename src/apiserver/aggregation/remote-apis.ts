import type { APIService, APIServiceSpec } from '../../api/generated/apiregistration.v1.ts'
import { apiServices } from '../../api/generated/resources.ts'
import { isConditionTrue } from '../../machinery/conditions.ts'
import type { Objects } from '../objects.ts'

/** An API that another server serves. */
export interface RemoteApi {
  /** `v1beta1.metrics.k8s.io` */
  readonly name: string
  readonly group: string
  readonly version: string
  readonly spec: APIServiceSpec
  readonly service: { readonly namespace: string; readonly name: string; readonly port: number }
  readonly isAvailable: boolean
}

/** The APIs that are served by others, as the APIServices say. */
export class RemoteApis {
  readonly #objects: Objects
  readonly #handlers = new Set<() => void>()
  #byVersion: ReadonlyMap<string, RemoteApi> | undefined
  /** Changes whenever one of them does. */
  generation = 0
  readonly stop: () => void

  constructor(objects: Objects) {
    this.#objects = objects
    this.stop = objects.onChange(apiServices, () => {
      this.#byVersion = undefined
      this.generation++
      for (const handle of this.#handlers) handle()
    })
  }

  onChange(handler: () => void): void {
    this.#handlers.add(handler)
  }

  all(): readonly RemoteApi[] {
    return [...this.#current().values()]
  }

  find(group: string, version: string): RemoteApi | undefined {
    return this.#current().get(`${version}.${group}`)
  }

  #current(): ReadonlyMap<string, RemoteApi> {
    this.#byVersion ??= new Map(
      this.#objects
        .list(apiServices)
        .flatMap(remoteApi)
        .map((api) => [api.name, api]),
    )
    return this.#byVersion
  }
}

function remoteApi({ metadata, spec, status }: APIService): readonly RemoteApi[] {
  if (!spec?.service) return []
  const { namespace = '', name = '', port = 443 } = spec.service
  const { group = '', version = '' } = spec
  return [
    {
      name: metadata?.name ?? '',
      group,
      version,
      spec,
      service: { namespace, name, port },
      isAvailable: isConditionTrue(status?.conditions, 'Available'),
    },
  ]
}
