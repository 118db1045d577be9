import type { Reconciler } from '../../client/reconciler.ts'
import { startReconciler } from '../../client/runner.ts'
import { testContext, until, type TestContext } from '../../client/testing/test-context.ts'
import type { Event } from '../../api/generated/core.v1.ts'
import { events } from '../../api/generated/resources.ts'
import type { KubernetesObject } from '../../machinery/meta.ts'
import { keyOf, parseKey, type Resource } from '../../machinery/resource.ts'

/** Reconcilers running over a memory client, for tests of one controller. */
export interface ReconcilerHarness extends TestContext {
  /** Lets everything that can happen without the passing of time happen. */
  settle(): Promise<void>
  /** Moves the clock and settles. */
  pass(milliseconds: number): Promise<void>
  /** What the API holds. */
  all<T extends KubernetesObject>(resource: Resource<T>): Promise<readonly T[]>
  one<T extends KubernetesObject>(resource: Resource<T>, key: string): Promise<T>
  /** Writes the object with `change` applied to the present one, as a user or another component would. */
  edit<T extends KubernetesObject>(
    resource: Resource<T>,
    key: string,
    change: (object: T) => T,
    subresource?: string,
  ): Promise<T>
  /** `reason: message` of all events, in order of writing. */
  events(): Promise<readonly string[]>
  stop(): Promise<void>
}

export async function runReconcilers(
  reconcilers: readonly Reconciler[],
  seed: (context: TestContext) => void = () => {},
): Promise<ReconcilerHarness> {
  const context = testContext()
  seed(context)
  const running = reconcilers.map((reconciler) => startReconciler(reconciler, context))
  await Promise.all(running.map(({ ready }) => ready))
  const harness: ReconcilerHarness = {
    ...context,
    async settle() {
      let quiet = 0
      let seen = -1
      await until(() => {
        quiet = context.client.calls.length === seen ? quiet + 1 : 0
        seen = context.client.calls.length
        return quiet > 20
      })
    },
    async pass(milliseconds) {
      await context.clock.advance(milliseconds)
      await harness.settle()
    },
    all: async (resource) => (await context.client.list(resource)).items,
    one: (resource, key) => context.client.get(resource, parseKey(key)),
    async edit(resource, key, change, subresource) {
      const current = await context.client.get(resource, parseKey(key))
      return context.client.update(resource, change(current), subresource ? { subresource } : {})
    },
    async events() {
      const all: readonly Event[] = (await context.client.list(events)).items
      return all.map(({ reason, message }) => `${reason}: ${message}`)
    },
    async stop() {
      await Promise.all(running.map((component) => component.stop()))
      await context.informers.stop()
    },
  }
  await harness.settle()
  return harness
}

/** Keys of objects, sorted. */
export function keys(objects: readonly KubernetesObject[]): readonly string[] {
  return objects.map(keyOf).sort()
}
