import type { ComponentContext, RunningComponent } from '../client/component.ts'
import type { Reconciler } from '../client/reconciler.ts'
import { startReconcilers } from '../client/runner.ts'
import { deploymentReconciler } from './deployment/deployment.ts'
import { namespaceReconciler } from './namespace/namespace.ts'
import { replicaSetReconciler } from './replicaset/replicaset.ts'
import { replicationControllerReconciler } from './replicaset/replicationcontroller.ts'
import { rootCaPublisher } from './serviceaccount/root-ca-publisher.ts'
import { serviceAccountReconciler } from './serviceaccount/serviceaccount.ts'

export interface ControllersOptions {
  /** PEM of the authority that pods verify the API server by. */
  readonly rootCa: string
}

/** Every controller that runs, in the order in which they start. */
function reconcilers(options: ControllersOptions): readonly Reconciler[] {
  return [
    namespaceReconciler,
    serviceAccountReconciler,
    rootCaPublisher(options.rootCa),
    deploymentReconciler,
    replicaSetReconciler,
    replicationControllerReconciler,
  ]
}

/** Starts all controllers. They stop with the component; nothing of them runs before or after. */
export async function startControllers(
  context: ComponentContext,
  options: ControllersOptions,
): Promise<RunningComponent> {
  return startReconcilers('kube-controller-manager', reconcilers(options), context)
}
