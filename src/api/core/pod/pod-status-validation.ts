import { isIP } from 'node:net'
import {
  duplicate,
  forbidden,
  invalid,
  invalidFor,
  notSupported,
  path,
  type FieldError,
  type FieldPath,
} from '../../../machinery/field-error.ts'
import { validateIpForLegacyField } from '../../../machinery/validation/ip.ts'
import {
  dns1123SubdomainErrors,
  groupIdErrors,
  qualifiedNameErrors,
  userIdErrors,
} from '../../../machinery/validation/names.ts'
import { validateImmutableField } from '../../../machinery/validation/object-meta.ts'
import type { Container, ContainerStatus, EphemeralContainer, Pod } from '../../generated/core.v1.ts'
import { validatePodAnnotations, validatePodAnnotationsUpdate } from './pod-annotations.ts'
import { internalForm, internalList } from '../../internal-form.ts'

type Statuses = readonly ContainerStatus[]

const systemConditions = ['PodScheduled', 'Ready', 'Initialized']
const lists = ['containerStatuses', 'initContainerStatuses', 'ephemeralContainerStatuses'] as const

/** Changes that do not happen in normal operation. Source: ValidatePodStatusUpdate. */
export function validatePodStatusUpdate(pod: Pod, previous: Pod): FieldError[] {
  const { metadata, spec, status = {} } = pod
  const annotations = path('metadata', 'annotations')
  const at = path('status')
  const errors = [
    ...validatePodAnnotationsUpdate(metadata?.annotations, previous.metadata?.annotations, annotations),
    ...(spec ? validatePodAnnotations(metadata?.annotations, spec, annotations) : []),
    ...(status.conditions ?? []).flatMap(({ type }, index) => {
      const typeAt = path('metadata', 'conditions').index(index).child('Type')
      return systemConditions.includes(type) ? [] : invalidFor(typeAt, type, qualifiedNameErrors(type))
    }),
  ]
  if (spec?.nodeName !== previous.spec?.nodeName)
    errors.push(forbidden(at.child('nodeName'), 'may not be changed directly'))
  const nominated = status.nominatedNodeName
  if (nominated && nominated !== previous.status?.nominatedNodeName)
    errors.push(...invalidFor(at.child('nominatedNodeName'), nominated, dns1123SubdomainErrors(nominated)))
  errors.push(
    ...validateImmutableField(status.qosClass, previous.status?.qosClass, at.child('qosClass')),
    ...transitionErrors(pod, previous, at),
    ...claimErrors(pod, at.child('resourceClaimStatuses')),
    ...addressErrors(status.podIPs ?? [], at.child('podIPs')),
    ...hostAddressErrors(pod, at.child('hostIPs')),
  )
  for (const list of lists)
    errors.push(...userErrors(status[list] ?? [], spec?.os?.name ?? 'linux', at.child(list)))
  return [
    ...errors,
    ...healthErrors(status.containerStatuses ?? [], spec?.containers ?? [], at.child('containerStatuses')),
    ...healthErrors(
      status.initContainerStatuses ?? [],
      spec?.initContainers ?? [],
      at.child('initContainerStatuses'),
    ),
    ...(status.ephemeralContainerStatuses ?? []).flatMap(({ allocatedResourcesStatus = [] }, index) => {
      const healthAt = at.child('ephemeralContainerStatuses').index(index).child('allocatedResourcesStatus')
      const detail = 'must not be specified in container status'
      return allocatedResourcesStatus.length > 0 ? [forbidden(healthAt, detail)] : []
    }),
  ]
}

/** What ended for good does not run again. */
function transitionErrors(pod: Pod, previous: Pod, at: FieldPath): FieldError[] {
  const { restartPolicy, containers = [], initContainers = [] } = previous.spec ?? {}
  const sidecars = initContainers.filter((container) => container.restartPolicy === 'Always')
  const check = (
    list: (typeof lists)[number],
    podPolicy: string | undefined,
    own: readonly (Container | EphemeralContainer)[],
    restarting: readonly Container[] = [],
  ): FieldError[] =>
    (previous.status?.[list] ?? []).flatMap(({ name, state }, index) => {
      const container = own.find((other) => other.name === name)
      const policy = container?.restartPolicy ?? podPolicy
      if (policy === 'Always' || !state?.terminated) return []
      if (policy === 'OnFailure' && state.terminated.exitCode !== 0) return []
      if (restarting.some((other) => other.name === name)) return []
      // Rules may restart a container whatever its policy says.
      if (container?.restartPolicyRules?.length) return []
      const goesOn = (pod.status?.[list] ?? []).filter(
        (status) => status.name === name && !status.state?.terminated,
      )
      const stateAt = at.child(list).index(index).child('state')
      return goesOn.map(() => forbidden(stateAt, 'may not be transitioned to non-terminated state'))
    })
  return [
    ...check('containerStatuses', restartPolicy, containers),
    ...check('initContainerStatuses', restartPolicy, initContainers, sidecars),
    ...check('ephemeralContainerStatuses', 'Never', []),
  ]
}

function claimErrors({ spec, status }: Pod, field: FieldPath): FieldError[] {
  const names = new Set<string>()
  return (status?.resourceClaimStatuses ?? []).flatMap(({ name, resourceClaimName }, index) => {
    const at = field.index(index).child('name')
    const errors: FieldError[] = []
    if (!spec?.resourceClaims?.some((claim) => claim.name === name))
      errors.push(invalid(at, name, 'must match the name of an entry in `spec.resourceClaims`'))
    if (names.has(name)) errors.push(duplicate(at, name))
    names.add(name)
    if (resourceClaimName !== undefined)
      errors.push(...invalidFor(at, resourceClaimName, dns1123SubdomainErrors(resourceClaimName)))
    return errors
  })
}

interface Address {
  readonly ip?: string
}

/** One of each family at most. */
function addressErrors(addresses: readonly Address[], at: FieldPath): FieldError[] {
  const errors = addresses.flatMap(({ ip = '' }, index) => validateIpForLegacyField(at.index(index), ip))
  if (addresses.length < 2) return errors
  const families = new Set(addresses.map(({ ip = '' }) => isIP(ip)))
  if (families.size < 2 || addresses.length > 2)
    errors.push(
      invalid(
        at,
        internalList('core.v1.PodIP', addresses),
        'may specify no more than one IP for each IP family',
      ),
    )
  const seen = new Set<string | undefined>()
  for (const [index, address] of addresses.entries()) {
    if (seen.has(address.ip)) errors.push(duplicate(at.index(index), internalForm('core.v1.PodIP', address)))
    seen.add(address.ip)
  }
  return errors
}

function hostAddressErrors({ status }: Pod, at: FieldPath): FieldError[] {
  const addresses = status?.hostIPs ?? []
  const [first] = addresses
  if (!first) return []
  const isFirst = (status?.hostIP ?? '') === (first.ip ?? '')
  return [
    ...(isFirst ? [] : [invalid(at.index(0).child('ip'), first.ip, 'must be equal to `hostIP`')]),
    ...addressErrors(addresses, at),
  ]
}

function userErrors(statuses: Statuses, system: string, at: FieldPath): FieldError[] {
  return statuses.flatMap(({ user }, index) => {
    const linux = user?.linux
    if (!linux) return []
    const field = at.index(index).child('linux')
    if (system === 'windows') return [forbidden(field, 'cannot be set for a windows pod')]
    return [
      ...invalidFor(field.child('uid'), linux.uid, userIdErrors(linux.uid)),
      ...invalidFor(field.child('gid'), linux.gid, groupIdErrors(linux.gid)),
      ...(linux.supplementalGroups ?? []).flatMap((group, position) =>
        invalidFor(field.child('supplementalGroups').index(position), group, groupIdErrors(group)),
      ),
    ]
  })
}

const healths = ['Healthy', 'Unhealthy', 'Unknown']
const claimPrefix = 'claim:'

/** The health of devices that a container has. */
function healthErrors(statuses: Statuses, containers: readonly Container[], at: FieldPath): FieldError[] {
  return statuses.flatMap(({ name: containerName, allocatedResourcesStatus = [] }, index) => {
    const container = containers.find(({ name }) => name === containerName)
    return allocatedResourcesStatus.flatMap(({ name, resources = [] }, position) => {
      const field = at.index(index).child('allocatedResourcesStatus').index(position)
      const errors = container ? ownershipErrors(name, container, field.child('name')) : []
      const seen = new Set<string>()
      for (const [number, { resourceID, health = '' }] of resources.entries()) {
        const resourceAt = field.child('resources').index(number)
        if (!healths.includes(health)) errors.push(notSupported(resourceAt.child('health'), health, healths))
        if (seen.has(resourceID)) errors.push(duplicate(resourceAt.child('resourceID'), resourceID))
        seen.add(resourceID)
      }
      return errors
    })
  })
}

function ownershipErrors(name: string, { resources }: Container, at: FieldPath): FieldError[] {
  if (!name.startsWith(claimPrefix)) {
    const detail = "must match one of the container's resource requests"
    return resources?.requests?.[name] === undefined ? [invalid(at, name, detail)] : []
  }
  const names = (resources?.claims ?? []).map(
    ({ name: claim, request }) => `${claimPrefix}${claim}${request ? `/${request}` : ''}`,
  )
  const detail =
    "must match one of the container's resource claims in a format 'claim:<claimName>/<request>' or 'claim:<claimName>' if request is empty"
  return names.includes(name) ? [] : [invalid(at, name, detail)]
}
