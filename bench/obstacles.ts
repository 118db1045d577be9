import { findStaticBusybox } from '../src/cluster/images/busybox-image.ts'
import {
  missingRequirements,
  nodeRequirements,
  whyNoContainers,
} from '../src/cluster/machine/requirements.ts'

/** Why real containers cannot be measured here. */
export function withoutContainers(): string | undefined {
  const missing = missingRequirements(nodeRequirements).map((requirement) => requirement.package)
  if (missing.length > 0) return `${missing.join(', ')} not installed ('k8ts up' installs it)`
  if (findStaticBusybox() === undefined) return 'busybox-static is not installed'
  return whyNoContainers()
}
