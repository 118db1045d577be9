import { column, nameColumn } from '../../api/columns.ts'
import type { ResourceDefinition } from '../../api/definition.ts'
import type { ComponentStatus } from '../../api/generated/core.v1.ts'
import { componentStatuses } from '../../api/generated/resources.ts'
import type { Store } from '../../store/store.ts'
import type { Reporter } from './reporter.ts'

/** A component of the control plane whose health the API server can tell. */
export interface ObservedComponent {
  /** `scheduler`, `controller-manager`: as upstream calls it here. */
  readonly name: string
  /** Undefined while it is well, else what is wrong. */
  health(): string | undefined
}

const definition: ResourceDefinition<ComponentStatus> = {
  resource: componentStatuses,
  singular: 'componentstatus',
  shortNames: ['cs'],
  verbs: ['get', 'list'],
  deprecation: 'v1 ComponentStatus is deprecated in v1.19+',
  strategy: {},
  columns: [
    nameColumn,
    column('Status', 'Whether it is well.', (component) =>
      healthy(component)?.status === 'True' ? 'Healthy' : 'Unhealthy',
    ),
    column('Message', 'What it says.', (component) => healthy(component)?.message ?? ''),
    column('Error', 'What is wrong.', (component) => healthy(component)?.error ?? ''),
  ],
}

function healthy({ conditions = [] }: ComponentStatus) {
  return conditions.find(({ type }) => type === 'Healthy')
}

/** The store, and the components that this process knows. */
export function componentStatusReporter(
  store: Store,
  components: () => readonly ObservedComponent[],
): Reporter {
  return {
    definition,
    async report() {
      const others = components().map(({ name, health }) => statusOf(name, health()))
      return [...others, statusOf('etcd-0', await faultOf(store))]
    },
  }
}

async function faultOf(store: Store): Promise<string | undefined> {
  try {
    await store.currentRevision()
    return undefined
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

function statusOf(name: string, fault: string | undefined): ComponentStatus {
  const condition =
    fault === undefined
      ? { type: 'Healthy', status: 'True', message: 'ok' }
      : { type: 'Healthy', status: 'False', message: fault, error: fault }
  return { metadata: { name }, conditions: [condition] }
}
