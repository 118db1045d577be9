import { DecodeError } from '../../api/decode-error.ts'
import { decode } from '../../api/decode.ts'
import {
  duration,
  integer,
  listOf,
  longInteger,
  optional,
  struct,
  text,
} from '../../api/configuration/configuration-schema.ts'
import { schemaOfType } from '../../api/scheme.ts'
import type { FieldPath } from '../../machinery/field-error.ts'
import { invalid, type FieldError } from '../../machinery/field-error.ts'
import type { ObjectSchema } from '../../machinery/schema.ts'
import type { Plugin, PluginHandle } from '../framework.ts'
import { createDefaultBinder } from './default-binder.ts'
import { createDefaultPreemption, defaultPreemptionArgs } from './default-preemption.ts'
import { followExtendedResources } from './devices/device-classes.ts'
import { createDynamicResources, dynamicResourcesArgs } from './dynamic-resources.ts'
import { imageLocality } from './image-locality.ts'
import { createInterPodAffinity, interPodAffinityArgs } from './inter-pod-affinity.ts'
import { createNodeAffinity } from './node-affinity.ts'
import { nodeDeclaredFeatures } from './node-declared-features.ts'
import { nodeName } from './node-name.ts'
import { nodePorts } from './node-ports.ts'
import {
  createNodeResourcesBalancedAllocation,
  nodeResourcesBalancedAllocationArgs,
} from './node-resources-balanced-allocation.ts'
import { createNodeResourcesFit, nodeResourcesFitArgs } from './node-resources-fit.ts'
import { nodeUnschedulable } from './node-unschedulable.ts'
import { createPodTopologySpread, podTopologySpreadArgs } from './pod-topology-spread.ts'
import { prioritySort } from './priority-sort.ts'
import { schedulingGates } from './scheduling-gates.ts'
import { taintToleration } from './taint-toleration.ts'
import { createNodeVolumeLimits } from './volumes/node-volume-limits.ts'
import { createVolumeBinding, volumeBindingArgs } from './volumes/volume-binding.ts'
import { createVolumeRestrictions } from './volumes/volume-restrictions.ts'
import { createVolumeZone } from './volumes/volume-zone.ts'

/** How a plugin is made for a profile. */
export interface PluginEntry {
  /** What is wrong with a profile's pluginConfig for it. */
  validate(args: unknown, at: FieldPath): FieldError[]
  /** `args` as given, and valid. */
  create(handle: PluginHandle, args: unknown): Plugin
}

function simple(create: (handle: PluginHandle) => Plugin): PluginEntry {
  return {
    validate: (args, at) => check(args, struct({ apiVersion: text, kind: text }), at),
    create,
  }
}

interface WithArgs<Args> {
  readonly fields: ObjectSchema['fields']
  readonly defaults: Args
  create(handle: PluginHandle, args: Args): Plugin
  check?(args: Args, at: FieldPath): FieldError[]
}

function withArgs<Args extends object>(entry: WithArgs<Args>): PluginEntry {
  const schema: ObjectSchema = struct({ apiVersion: text, kind: text, ...entry.fields })
  const read = (args: unknown) => ({ ...entry.defaults, ...(decode(args ?? {}, schema) as Partial<Args>) })
  return {
    validate(args, at) {
      const errors = check(args, schema, at)
      return errors.length > 0 ? errors : (entry.check?.(read(args), at) ?? [])
    },
    create: (handle, args) => entry.create(handle, read(args)),
  }
}

function check(args: unknown, schema: ObjectSchema, at: FieldPath): FieldError[] {
  const errors: FieldError[] = []
  try {
    const onUnknownField = (name: string) => errors.push(invalid(at, name, 'unknown field'))
    decode(args, schema, { onUnknownField })
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error
    errors.push(invalid(at, args, error.message))
  }
  return errors
}

const { fields: weighedResources } = struct({
  resources: listOf(struct({ name: text, weight: longInteger })),
})

function within(value: number, least: number, greatest: number, at: FieldPath): FieldError[] {
  if (value >= least && value <= greatest) return []
  return [invalid(at, value, `not in valid range [${least}-${greatest}]`)]
}

/** Every plugin by its name. */
export const pluginFactories: Readonly<Record<string, PluginEntry>> = {
  PrioritySort: simple(() => prioritySort),
  SchedulingGates: simple(() => schedulingGates),
  NodeUnschedulable: simple(() => nodeUnschedulable),
  NodeName: simple(() => nodeName),
  TaintToleration: simple(() => taintToleration),
  NodePorts: simple(() => nodePorts),
  ImageLocality: simple(() => imageLocality),
  VolumeRestrictions: simple(createVolumeRestrictions),
  NodeVolumeLimits: simple(createNodeVolumeLimits),
  VolumeZone: simple(createVolumeZone),
  DynamicResources: withArgs({
    fields: struct({ filterTimeout: duration, bindingTimeout: duration }).fields,
    defaults: dynamicResourcesArgs,
    create: createDynamicResources,
  }),
  DefaultBinder: simple(createDefaultBinder),
  NodeAffinity: withArgs({
    fields: { addedAffinity: { schema: schemaOfType('io.k8s.api.core.v1.NodeAffinity')! } },
    defaults: {},
    create: (_, args) => createNodeAffinity(args),
  }),
  NodeResourcesFit: withArgs({
    fields: struct({
      ignoredResources: listOf(text),
      ignoredResourceGroups: listOf(text),
      scoringStrategy: struct({
        type: text,
        ...weighedResources,
        requestedToCapacityRatio: struct({
          shape: listOf(struct({ utilization: optional(integer), score: optional(integer) })),
        }),
      }),
    }).fields,
    defaults: nodeResourcesFitArgs,
    create: (handle, args) => createNodeResourcesFit(args, followExtendedResources(handle), handle),
    check: ({ scoringStrategy }, at) => {
      const types = ['LeastAllocated', 'MostAllocated', 'RequestedToCapacityRatio']
      if (types.includes(scoringStrategy.type)) return []
      return [
        invalid(
          at.child('scoringStrategy', 'type'),
          scoringStrategy.type,
          `must be one of ${types.join(', ')}`,
        ),
      ]
    },
  }),
  NodeResourcesBalancedAllocation: withArgs({
    fields: weighedResources,
    defaults: nodeResourcesBalancedAllocationArgs,
    create: (_, args) => createNodeResourcesBalancedAllocation(args),
  }),
  VolumeBinding: withArgs({
    fields: struct({ bindTimeoutSeconds: optional(longInteger) }).fields,
    defaults: volumeBindingArgs,
    create: createVolumeBinding,
  }),
  PodTopologySpread: withArgs({
    fields: struct({
      defaultingType: text,
      defaultConstraints: listOf(schemaOfType('io.k8s.api.core.v1.TopologySpreadConstraint')!),
    }).fields,
    defaults: podTopologySpreadArgs,
    create: createPodTopologySpread,
    check: ({ defaultingType, defaultConstraints = [] }, at) =>
      defaultingType === 'System' && defaultConstraints.length > 0
        ? [invalid(at.child('defaultingType'), defaultingType, 'when .defaultConstraints are not empty')]
        : [],
  }),
  InterPodAffinity: withArgs({
    fields: struct({
      hardPodAffinityWeight: optional(integer),
      ignorePreferredTermsOfExistingPods: { type: 'boolean' },
    }).fields,
    defaults: interPodAffinityArgs,
    create: (_, args) => createInterPodAffinity(args),
    check: ({ hardPodAffinityWeight }, at) =>
      within(hardPodAffinityWeight, 0, 100, at.child('hardPodAffinityWeight')),
  }),
  NodeDeclaredFeatures: simple(() => nodeDeclaredFeatures),
  DefaultPreemption: withArgs({
    fields: struct({
      minCandidateNodesPercentage: optional(integer),
      minCandidateNodesAbsolute: optional(integer),
    }).fields,
    defaults: defaultPreemptionArgs,
    create: createDefaultPreemption,
    check: ({ minCandidateNodesPercentage }, at) =>
      within(minCandidateNodesPercentage, 0, 100, at.child('minCandidateNodesPercentage')),
  }),
}

/** Upstream's default profile, in its order, with the weights of what scores. */
export const defaultPlugins: readonly { readonly name: string; readonly weight?: number }[] = [
  { name: 'SchedulingGates' },
  { name: 'PrioritySort' },
  { name: 'NodeUnschedulable' },
  { name: 'NodeName' },
  { name: 'TaintToleration', weight: 3 },
  { name: 'NodeAffinity', weight: 2 },
  { name: 'NodePorts' },
  { name: 'NodeResourcesFit', weight: 1 },
  { name: 'VolumeRestrictions' },
  { name: 'NodeVolumeLimits' },
  { name: 'VolumeBinding' },
  { name: 'VolumeZone' },
  { name: 'PodTopologySpread', weight: 2 },
  { name: 'InterPodAffinity', weight: 2 },
  { name: 'DynamicResources' },
  { name: 'DefaultPreemption' },
  { name: 'NodeResourcesBalancedAllocation', weight: 1 },
  { name: 'ImageLocality', weight: 1 },
  { name: 'DefaultBinder' },
  { name: 'NodeDeclaredFeatures' },
]
