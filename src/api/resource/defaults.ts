import type { Writable } from '../../machinery/meta.ts'
import { formatTime } from '../../machinery/time.ts'
import type { DeviceClaim, DeviceTaint } from '../generated/resource.v1.ts'

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

/** A taint that does not say since when is there from now on. Source: SetDefaults_DeviceTaint. */
export function defaultDeviceTaints(taints: readonly Writable<DeviceTaint>[] = [], nowMs: number): void {
  for (const taint of taints) taint.timeAdded ??= formatTime(nowMs)
}
