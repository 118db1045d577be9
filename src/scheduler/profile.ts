import type { Plugin } from './framework.ts'

/** The extension points by which a profile orders and weighs plugins. Source: KubeSchedulerConfiguration. */
export const extensionPoints = [
  'preEnqueue',
  'queueSort',
  'preFilter',
  'filter',
  'postFilter',
  'preScore',
  'score',
  'reserve',
  'permit',
  'preBind',
  'bind',
  'postBind',
] as const

export type ExtensionPoint = (typeof extensionPoints)[number]

/** Which method of a plugin serves an extension point. Pre-filter and filter are one, and so are pre-score and score. */
export const methodOf = {
  preEnqueue: 'gate',
  queueSort: 'compare',
  preFilter: 'filter',
  filter: 'filter',
  postFilter: 'postFilter',
  preScore: 'score',
  score: 'score',
  reserve: 'reserve',
  permit: 'permit',
  preBind: 'preBind',
  bind: 'bind',
  postBind: 'postBind',
} as const satisfies Record<ExtensionPoint, keyof Plugin>

export interface EnabledPlugin {
  readonly plugin: Plugin
  /** How much its score counts; 0 where it does not score. */
  readonly weight: number
}

/** How the pods of one scheduler name are scheduled: at each extension point these plugins, in this order. */
export interface Profile {
  readonly schedulerName: string
  /** How many percent of the nodes are looked for before the best of them is taken; 0 leaves it to the cluster's size. */
  readonly percentageOfNodesToScore: number
  /** All of them. */
  readonly plugins: readonly Plugin[]
  readonly points: Readonly<Record<ExtensionPoint, readonly EnabledPlugin[]>>
}

/** The plugins of an extension point, for the sake of one of their methods. */
export function pluginsAt(profile: Profile, point: ExtensionPoint): readonly Plugin[] {
  return profile.points[point].map(({ plugin }) => plugin)
}
