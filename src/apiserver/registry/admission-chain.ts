import type { Clock } from '../../machinery/clock.ts'
import type { KubernetesObject, Writable } from '../../machinery/meta.ts'
import type { Metrics } from '../../machinery/metrics.ts'
import type {
  AdmissionPlugin,
  AdmissionRequest,
  MutationRound,
  ObjectView,
  Operation,
} from '../admission/plugin.ts'
import { AdmissionMetrics, type AdmissionStep } from './admission-metrics.ts'
import type { RequestScope, WriteOptions } from './request.ts'
import { isDryRun } from './request.ts'

/** An admission request while it is in the making: the name may still have to be generated. */
export type OpenAdmissionRequest = { -readonly [Key in keyof AdmissionRequest]: AdmissionRequest[Key] }

/** Runs the admission plugins in their order, and times them. */
export class AdmissionChain {
  #plugins: readonly AdmissionPlugin[] = []
  readonly #metrics: AdmissionMetrics
  readonly #clock: Clock

  constructor(metrics: Metrics, clock: Clock) {
    this.#metrics = new AdmissionMetrics(metrics)
    this.#clock = clock
  }

  /** The plugins from now on: they are made of the objects that the registries behind this chain serve. */
  use(plugins: readonly AdmissionPlugin[]): void {
    this.#plugins = plugins
  }

  /** Once, and again for plugins that ask for it when the object has been changed. */
  async mutate(request: AdmissionRequest): Promise<void> {
    let again = false
    const memory = new Map<string, unknown>()
    await this.#step('admit', request, async () => {
      await this.#mutateOnce(request, { isReinvocation: false, memory, reinvoke: () => (again = true) })
      if (again) await this.#mutateOnce(request, { isReinvocation: true, memory, reinvoke: () => {} })
    })
  }

  async #mutateOnce(request: AdmissionRequest, round: MutationRound): Promise<void> {
    for (const plugin of this.#plugins) {
      if (!plugin.mutate || !plugin.handles(request)) continue
      const started = this.#clock.monotonic()
      let failed = true
      try {
        // Most answer at once, and there are many: a turn of the event loop's queue for each would add up.
        const mutating = plugin.mutate(request, round)
        if (mutating) await mutating
        failed = false
      } finally {
        this.#observe(plugin, 'admit', request, started, failed)
      }
    }
  }

  /** After this, `release` must be called if the request fails after all; when a plugin refuses, that has been done. */
  async validate(request: AdmissionRequest): Promise<void> {
    await this.#step('validate', request, () => this.#validateAll(request))
  }

  async #validateAll(request: AdmissionRequest): Promise<void> {
    for (const [index, plugin] of this.#plugins.entries()) {
      if (!plugin.validate || !plugin.handles(request)) continue
      const started = this.#clock.monotonic()
      try {
        const validating = plugin.validate(request)
        if (validating) await validating
        this.#observe(plugin, 'validate', request, started, false)
      } catch (error) {
        this.#observe(plugin, 'validate', request, started, true)
        await releaseAll(this.#plugins.slice(0, index + 1), request)
        throw error
      }
    }
  }

  /** Lets plugins take back what they reserved for a request that failed. */
  async release(request: AdmissionRequest): Promise<void> {
    await releaseAll(this.#plugins, request)
  }

  async #step(type: AdmissionStep, { operation }: AdmissionRequest, run: () => Promise<void>): Promise<void> {
    const started = this.#clock.monotonic()
    let failed = true
    try {
      await run()
      failed = false
    } finally {
      this.#metrics.observeStep(type, operation, this.#clock.monotonic() - started, failed)
    }
  }

  #observe(
    { name }: AdmissionPlugin,
    type: AdmissionStep,
    { operation }: AdmissionRequest,
    started: number,
    failed: boolean,
  ): void {
    this.#metrics.observePlugin(name, type, operation, this.#clock.monotonic() - started, failed)
  }
}

async function releaseAll(plugins: readonly AdmissionPlugin[], request: AdmissionRequest): Promise<void> {
  for (const plugin of plugins) {
    if (plugin.release && plugin.handles(request)) await plugin.release(request)
  }
}

export interface AdmissionSubject {
  readonly operation: Operation
  readonly isUpsert?: boolean
  readonly name: string
  readonly object?: Writable<KubernetesObject>
  readonly oldObject?: KubernetesObject
  readonly options: KubernetesObject
  readonly dryRun: boolean
  readonly view?: ObjectView | undefined
}

/** What plugins are told of the request in `scope`. */
export function admissionRequest(
  scope: RequestScope,
  { view, ...subject }: AdmissionSubject,
): OpenAdmissionRequest {
  return {
    ...subject,
    ...(view && { view }),
    ...(scope.subresourceKind && { kind: scope.subresourceKind }),
    served: scope.served,
    resource: scope.served.workingResource,
    subresource: scope.subresource,
    namespace: scope.namespace,
    user: scope.user,
    ...(scope.deadlineMs !== undefined && { deadlineMs: scope.deadlineMs }),
    signal: () => scope.signal(),
    warn: (message) => scope.warn(message),
    ...(scope.annotate && { annotate: scope.annotate }),
  }
}

/** CreateOptions, UpdateOptions or PatchOptions as an object. */
export function optionsObject(
  kind: 'CreateOptions' | 'UpdateOptions',
  options: WriteOptions,
): KubernetesObject {
  const { dryRun, fieldManager, fieldValidation } = options
  const object = {
    kind,
    apiVersion: 'meta.k8s.io/v1',
    ...(isDryRun(options) && { dryRun }),
    ...(fieldManager && { fieldManager }),
    ...(fieldValidation && { fieldValidation }),
  }
  return object
}
