import type { Writable } from '../../machinery/meta.ts'
import type { DeviceClaim } from '../generated/resource.v1.ts'

/** One device, unless the request says something else. Source: kubernetes/pkg/apis/resource/v1/defaults.go. */
export function defaultDeviceClaim(claim: Writable<DeviceClaim> | undefined): void {
  for (const { exactly, firstAvailable = [] } of claim?.requests ?? []) {
    for (const request of exactly ? [exactly, ...firstAvailable] : firstAvailable) {
      request.allocationMode ??= 'ExactCount'
      if (request.allocationMode === 'ExactCount') request.count ||= 1
      for (const toleration of request.tolerations ?? []) toleration.operator ??= 'Equal'
    }
  }
}
