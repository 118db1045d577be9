import type { Secret } from '../../api/generated/core.v1.ts'
import type { Clock } from '../../machinery/clock.ts'
import { formatDuration } from '../../machinery/duration.ts'
import { TokenBucket } from '../../machinery/token-bucket.ts'
import { containerBackoff, nextBackoff, retryAt, type Backoff } from '../pods/backoff.ts'
import type { NamedContainer, PodEvents } from '../pods/events.ts'
import type { ContainerRuntime, Image, SandboxConfig } from '../runtime/runtime.ts'
import { credentialsFor } from './credentials.ts'
import { createPullQueue } from './pull-queue.ts'
import { noPullRecords, type PullRecords } from './pull-records.ts'
import { imageNameProblem, withDefaultTag } from '../../machinery/image-reference.ts'

/** No image to start a container from. `reason` is the waiting reason of the container's status. */
export class ImageError extends Error {
  readonly reason: string
  /** When it may be tried again; absent where trying again is no use before something changes. */
  readonly retryAtMs: number | undefined
  /** What the status says while it waits for that. */
  readonly backoff: { readonly reason: string; readonly message: string } | undefined

  constructor(
    reason: string,
    message: string,
    retry?: {
      readonly atMs: number
      readonly backoff: { readonly reason: string; readonly message: string }
    },
  ) {
    super(message)
    this.name = 'ImageError'
    this.reason = reason
    this.retryAtMs = retry?.atMs
    this.backoff = retry?.backoff
  }
}

export interface ImageRequest {
  readonly podUID: string
  /** As the pod names it. */
  readonly image: string
  /** `Always`, `Never`, or by default `IfNotPresent`. */
  readonly pullPolicy?: string
  /** The container that runs it; absent for the image of a volume. */
  readonly named?: NamedContainer
  readonly events: PodEvents
  readonly pullSecrets: () => Promise<readonly Secret[]>
  readonly sandbox: SandboxConfig
}

export interface ImagePuller {
  /** Sees that the image is here, by its pull policy. Rejects with ImageError. */
  ensure(request: ImageRequest): Promise<{ readonly ref: string; readonly image: Image }>
  forget(podUID: string): void
}

export interface ImagePullerOptions {
  readonly runtime: ContainerRuntime
  readonly clock: Clock
  /** Default: every pod may have every image that is here. */
  readonly records?: PullRecords
  /** Images that are pulled at a time, at most. Default any number. */
  readonly maxParallelPulls?: number
  /** Pulls a second in the long run, and at once; more fail. Default any number. */
  readonly rate?: { readonly qps: number; readonly burst: number }
}

export function createImagePuller(options: ImagePullerOptions): ImagePuller {
  const { runtime, clock, records = noPullRecords, maxParallelPulls = Infinity } = options
  const inQueue = createPullQueue(maxParallelPulls)
  const bucket = options.rate && new TokenBucket({ ...options.rate, clock })
  const backoffs = new Map<string, Map<string, Backoff>>()

  async function pull(request: ImageRequest, image: string): Promise<string> {
    const { named, events, podUID, sandbox } = request
    const asked = request.image
    events.normal('Pulling', `Pulling image "${asked}"`, named)
    const startedAt = clock.monotonic()
    try {
      const { ref, pullMs } = await pullWithCredentials(request, image, sandbox)
      const took = formatDuration(Math.round(pullMs))
      const tookAll = formatDuration(Math.round(clock.monotonic() - startedAt))
      const size = (await runtime.imageStatus({ image: ref }))?.sizeBytes ?? 0
      backoffs.get(podUID)?.delete(asked)
      events.normal(
        'Pulled',
        `Successfully pulled image "${asked}" in ${took} (${tookAll} including waiting). Image size: ${size} bytes.`,
        named,
      )
      return ref
    } catch (error) {
      const words = error instanceof Error ? error.message : String(error)
      events.warning('Failed', `Failed to pull image "${asked}": ${words}`, named)
      events.warning('Failed', 'Error: ErrImagePull', named)
      throw failure(podUID, asked, words)
    }
  }

  /** The next credentials are tried when the registry refuses the ones before. */
  async function pullWithCredentials(
    request: ImageRequest,
    image: string,
    sandbox: SandboxConfig,
  ): Promise<{ readonly ref: string; readonly pullMs: number }> {
    const asked = request.image
    const credentials = credentialsFor(image, await request.pullSecrets())
    await records.begin(asked).catch((error: unknown) => {
      const words = error instanceof Error ? error.message : String(error)
      throw new Error(`Failed to record image pull intent for container image "${asked}": ${words}`)
    })
    let last: unknown
    for (const known of credentials.length === 0 ? [undefined] : credentials) {
      const pulled = await inQueue(async () => {
        if (bucket?.tryTake() === false) throw new Error('pull QPS exceeded')
        const startedAt = clock.monotonic()
        const ref = await runtime.pullImage({ image }, known?.auth, sandbox)
        return { ref, pullMs: clock.monotonic() - startedAt }
      }).catch((error: unknown) => {
        last = error
      })
      if (!pulled) continue
      const id = (await runtime.imageStatus({ image: pulled.ref }))?.id ?? pulled.ref
      await records.succeeded(
        asked,
        id,
        known ? { type: 'secret', secret: known.secret } : { type: 'nothing' },
      )
      return pulled
    }
    await records.failed(asked)
    throw last
  }

  /** Whether the pod may have an image that is here already. */
  async function mayUse(request: ImageRequest, image: string, present: Image): Promise<boolean> {
    return await records.mayUse(request.image, present.id, async () =>
      credentialsFor(image, await request.pullSecrets()).map(({ secret }) => secret),
    )
  }

  function failure(podUID: string, image: string, words: string): ImageError {
    let images = backoffs.get(podUID)
    if (images === undefined) backoffs.set(podUID, (images = new Map()))
    const now = clock.now()
    const backoff = nextBackoff(containerBackoff, images.get(image), now, now)
    images.set(image, backoff)
    return new ImageError('ErrImagePull', words, {
      atMs: retryAt(containerBackoff, backoff, now),
      backoff: {
        reason: 'ImagePullBackOff',
        message: `Back-off pulling image "${image}": ErrImagePull: ${words}`,
      },
    })
  }

  return {
    async ensure(request) {
      const { named, events } = request
      const asked = request.image
      const image = withDefaultTag(asked)
      if (image === undefined) {
        const message = `Failed to apply default image tag "${asked}": couldn't parse image name "${asked}": ${imageNameProblem(asked)}`
        events.warning('InspectFailed', message, named)
        events.warning('Failed', 'Error: InvalidImageName', named)
        throw new ImageError('InvalidImageName', message)
      }
      const present = await runtime.imageStatus({ image }).catch((error: unknown) => {
        const words = error instanceof Error ? error.message : String(error)
        const message = `Failed to inspect image "${asked}": ${words}`
        events.warning('InspectFailed', message, named)
        events.warning('Failed', 'Error: ImageInspectError', named)
        throw new ImageError('ImageInspectError', message)
      })
      const policy = request.pullPolicy ?? 'IfNotPresent'
      if (present && policy !== 'Always' && (await mayUse(request, image, present))) {
        events.normal(
          'Pulled',
          `Container image "${asked}" already present on machine and can be accessed by the pod`,
          named,
        )
        return { ref: present.id, image: present }
      }
      if (policy === 'Never') {
        const message = `Container image "${asked}" is not present with pull policy of Never`
        events.warning('ErrImageNeverPull', message, named)
        events.warning('Failed', 'Error: ErrImageNeverPull', named)
        throw new ImageError('ErrImageNeverPull', message)
      }
      const ref = await pull(request, image)
      const pulled = await runtime.imageStatus({ image: ref })
      if (pulled === undefined)
        throw failure(request.podUID, asked, `image ${ref} is gone after it was pulled`)
      return { ref: pulled.id, image: pulled }
    },
    forget(podUID) {
      backoffs.delete(podUID)
    },
  }
}
