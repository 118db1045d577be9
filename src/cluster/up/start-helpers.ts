import type { RunningComponent } from '../../client/component.ts'
import { createInformers } from '../../client/informers/informers.ts'
import { systemClock } from '../../machinery/clock.ts'
import type { Logger } from '../../machinery/log.ts'
import { createMetrics } from '../../machinery/metrics.ts'
import { systemRandom } from '../../machinery/random.ts'
import { startNodeRole } from '../addons/node-role.ts'
import { internalAddress, startNodeRoutes } from '../agent/node-routes.ts'
import type { ControlPlane } from '../control-plane.ts'
import { hostAddress, ownsServiceCidr } from '../machine/address-plan.ts'
import type { NodeSet } from '../nodes/node-set.ts'
import { adminIdentity, localPathIdentity } from '../pki/cluster-pki.ts'
import { kindOf } from '../state/cluster-state.ts'

/** What the cluster has beside its components: add-ons, the first node's role, and the host's routes to pods. */
export async function startHelpers(
  nodes: NodeSet,
  clientOf: ControlPlane['client'],
  log: Logger,
  isReal: boolean,
) {
  const { addresses: plan } = nodes.state
  const client = clientOf(adminIdentity)
  const informers = createInformers({ client, clock: systemClock, random: systemRandom, log })
  const context = {
    client,
    informers,
    clock: systemClock,
    random: systemRandom,
    log,
    metrics: createMetrics(),
  }
  const components: RunningComponent[] = []
  const [first] = nodes.state.nodes
  if (first) components.push(startNodeRole(context, first.name))
  const isSimulated = (name: string) =>
    nodes.state.nodes.some((record) => record.name === name && kindOf(nodes.state, record) === 'simulated')
  if (nodes.state.nodes.some(({ name }) => isSimulated(name))) {
    const { startSimulatedVolumes } = await import('../nodes/simulated-volumes.ts')
    components.push(startSimulatedVolumes({ ...context, client: clientOf(localPathIdentity), isSimulated }))
  }
  if (isReal) {
    const prefix = hostAddress(plan).replace(/\d+$/, '')
    const reachable = (address: string) => address.startsWith(prefix)
    components.push(
      startNodeRoutes(context, {
        reachable,
        // Any node directs what is sent to a Service; the host asks the first that is ready.
        also: (all) => {
          const via = all
            .filter((node) =>
              node.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True'),
            )
            .map(internalAddress)
            .find((address) => address !== undefined && reachable(address))
          return new Map(via === undefined || !ownsServiceCidr(plan) ? [] : [[plan.serviceCidr, via]])
        },
      }),
    )
  }
  return {
    components,
    async stop() {
      for (const component of components) await component.stop()
      await informers.stop()
    },
  }
}
