import type {
  Device,
  DeviceClaim,
  DeviceClass,
  DeviceClassSpec,
  DeviceRequest,
  ExactDeviceRequest,
  ResourceClaim,
  ResourceSlice,
  ResourceSliceSpec,
} from '../../api/generated/resource.v1.ts'

export const driver = 'gpu.example.com'

export function aDeviceClass(name = 'gpu', spec: DeviceClassSpec = {}): DeviceClass {
  return { metadata: { name }, spec }
}

export function aSlice(name: string, spec: Partial<ResourceSliceSpec>): ResourceSlice {
  const pool = { name, generation: 1, resourceSliceCount: 1 }
  return { metadata: { name }, spec: { driver, pool, ...spec } }
}

/** A slice of one node, in a pool of its own. */
export function aNodeSlice(nodeName: string, devices: readonly Device[]): ResourceSlice {
  return aSlice(nodeName, { nodeName, devices })
}

export function aDeviceRequest(exactly: Partial<ExactDeviceRequest> = {}, name = 'r'): DeviceRequest {
  return { name, exactly: { deviceClassName: 'gpu', ...exactly } }
}

export function aDeviceClaim(
  name: string,
  devices: DeviceClaim,
  status: ResourceClaim['status'] = {},
): ResourceClaim {
  return { metadata: { namespace: 'default', name, uid: `uid-${name}` }, spec: { devices }, status }
}

/** A selector by an expression. */
export function select(expression: string) {
  return { selectors: [{ cel: { expression } }] }
}
