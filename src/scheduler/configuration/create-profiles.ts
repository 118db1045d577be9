import type { Plugin, PluginHandle } from '../framework.ts'
import { defaultPlugins, pluginFactories } from '../plugins/registry.ts'
import {
  extensionPoints,
  methodOf,
  type EnabledPlugin,
  type ExtensionPoint,
  type Profile,
} from '../profile.ts'
import type { PluginSet, ProfileConfiguration, SchedulerConfiguration } from './configuration.ts'

interface Choice {
  readonly name: string
  readonly weight?: number
}

/** The profiles of a configuration by scheduler name, each with plugins of its own. */
export function createProfiles(
  configuration: SchedulerConfiguration,
  handle: PluginHandle,
): ReadonlyMap<string, Profile> {
  const ignoredResources = configuration.extenders.flatMap(({ managedResources = [] }) =>
    managedResources.flatMap(({ name, ignoredByScheduler }) => (ignoredByScheduler ? [name] : [])),
  )
  return new Map(
    configuration.profiles.map((profile) => {
      const name = profile.schedulerName ?? 'default-scheduler'
      return [name, createProfile(name, profile, configuration, withIgnored(handle, ignoredResources))]
    }),
  )
}

type CreatePlugin = (name: string, args: unknown) => Plugin

/** Resources that extenders alone look after do not decide where a pod fits. */
function withIgnored(handle: PluginHandle, ignoredResources: readonly string[]): CreatePlugin {
  return (name, args) => {
    const isFit = name === 'NodeResourcesFit' && ignoredResources.length > 0
    const given = args as { readonly ignoredResources?: readonly string[] } | undefined
    const all = isFit
      ? { ...given, ignoredResources: [...(given?.ignoredResources ?? []), ...ignoredResources] }
      : args
    return pluginFactories[name]!.create(handle, all)
  }
}

function createProfile(
  schedulerName: string,
  profile: ProfileConfiguration,
  { percentageOfNodesToScore = 0 }: SchedulerConfiguration,
  create: CreatePlugin,
): Profile {
  const made = new Map<string, Plugin>()
  const pluginOf = (name: string): Plugin => {
    let plugin = made.get(name)
    if (!plugin) {
      const args = profile.pluginConfig?.find((config) => config.name === name)?.args
      made.set(name, (plugin = create(name, args)))
    }
    return plugin
  }
  const everywhere = merge(defaultPlugins, profile.plugins?.multiPoint)
  const points = {} as Record<ExtensionPoint, readonly EnabledPlugin[]>
  for (const point of extensionPoints)
    points[point] = pluginsOfPoint(point, everywhere, profile.plugins?.[point], pluginOf)
  if (points.queueSort.length !== 1) {
    throw new Error(
      `profile ${schedulerName} needs exactly one queue sort plugin, not ${points.queueSort.length}`,
    )
  }
  if (points.bind.length === 0) throw new Error(`profile ${schedulerName} needs at least one bind plugin`)
  return {
    schedulerName,
    percentageOfNodesToScore: profile.percentageOfNodesToScore ?? percentageOfNodesToScore,
    plugins: [...made.values()],
    points,
  }
}

/** The defaults with what a profile turns off and on: a plugin that is there already keeps its place. */
function merge(
  defaults: readonly Choice[],
  { enabled = [], disabled = [] }: PluginSet = {},
): readonly Choice[] {
  const off = new Set(disabled.map(({ name }) => name))
  const kept = off.has('*') ? [] : defaults.filter(({ name }) => !off.has(name))
  const replaced = kept.map((choice) => enabled.find(({ name }) => name === choice.name) ?? choice)
  return [...replaced, ...enabled.filter(({ name }) => !kept.some((choice) => choice.name === name))]
}

/**
 * What a profile says of one point comes before what it says of all: first the plugins that it gives a place here and
 * everywhere, then those that are on everywhere, then those that are on only here. Source: kube-scheduler's framework.
 */
function pluginsOfPoint(
  point: ExtensionPoint,
  everywhere: readonly Choice[],
  { enabled = [], disabled = [] }: PluginSet = {},
  pluginOf: (name: string) => Plugin,
): EnabledPlugin[] {
  const off = new Set(disabled.map(({ name }) => name))
  const serves = ({ name }: Choice) => pluginOf(name)[methodOf[point]] !== undefined
  const general = off.has('*') ? [] : everywhere.filter((choice) => !off.has(choice.name) && serves(choice))
  const isHere = ({ name }: Choice) => enabled.some((choice) => choice.name === name)
  const isGeneral = ({ name }: Choice) => general.some((choice) => choice.name === name)
  const ordered = [
    ...enabled.filter(isGeneral),
    ...general.filter((choice) => !isHere(choice)),
    ...enabled.filter((choice) => !isGeneral(choice)),
  ]
  for (const choice of ordered) {
    if (!serves(choice)) throw new Error(`plugin "${choice.name}" does not extend ${point} plugin`)
  }
  return ordered.map(({ name, weight }) => ({ plugin: pluginOf(name), weight: weight || 1 }))
}
