import type { FieldPath } from '../../machinery/field-error.ts'
import {
  duplicate,
  forbidden,
  invalid,
  path,
  required,
  type FieldError,
} from '../../machinery/field-error.ts'
import { pluginFactories } from '../plugins/registry.ts'
import { extensionPoints } from '../profile.ts'
import type { ExtenderConfiguration, ProfileConfiguration, SchedulerConfiguration } from './configuration.ts'

/** What k8ts decides for all its components alike; in the file it would have no effect. */
const decidedElsewhere = [
  'clientConnection',
  'leaderElection',
  'enableProfiling',
  'enableContentionProfiling',
  'delayCacheUntilActive',
] as const

/** Every mistake, as upstream words it: kube-scheduler's ValidateKubeSchedulerConfiguration. */
export function validateConfiguration(configuration: SchedulerConfiguration): string[] {
  const { podInitialBackoffSeconds, podMaxBackoffSeconds, profiles, extenders } = configuration
  const errors: FieldError[] = []
  for (const field of decidedElsewhere) {
    if ((configuration as unknown as Record<string, unknown>)[field] !== undefined)
      errors.push(forbidden(field, 'k8ts decides this for all its components'))
  }
  errors.push(...percentage(path('percentageOfNodesToScore'), configuration.percentageOfNodesToScore))
  if (podInitialBackoffSeconds <= 0)
    errors.push(invalid('podInitialBackoffSeconds', podInitialBackoffSeconds, 'must be greater than 0'))
  if (podMaxBackoffSeconds < podInitialBackoffSeconds) {
    const detail = 'must be greater than or equal to PodInitialBackoffSeconds'
    errors.push(invalid('podMaxBackoffSeconds', podMaxBackoffSeconds, detail))
  }
  if (profiles.length === 0) errors.push(required('profiles'))
  profiles.forEach((profile, index) => {
    const at = path('profiles').index(index)
    errors.push(...profileErrors(profile, at))
    const isTwin = profiles.findIndex(({ schedulerName }) => schedulerName === profile.schedulerName) < index
    if (isTwin) errors.push(duplicate(at.child('schedulerName'), profile.schedulerName))
  })
  extenders.forEach((extender, index) => {
    errors.push(...extenderErrors(extender, path('extenders').index(index)))
  })
  if (extenders.filter(({ bindVerb }) => bindVerb).length > 1)
    errors.push(invalid('extenders', '', 'found multiple extenders implementing bind'))
  return errors.map(({ field, message }) => `${field}: ${message}`)
}

function percentage(at: FieldPath, value: number | undefined): FieldError[] {
  return value !== undefined && (value < 0 || value > 100)
    ? [invalid(at, value, 'not in valid range [0-100]')]
    : []
}

function profileErrors(profile: ProfileConfiguration, at: FieldPath): FieldError[] {
  const errors: FieldError[] = []
  if (!profile.schedulerName) errors.push(required(at.child('schedulerName')))
  errors.push(...percentage(at.child('percentageOfNodesToScore'), profile.percentageOfNodesToScore))
  for (const point of [...extensionPoints, 'multiPoint'] as const) {
    profile.plugins?.[point]?.enabled?.forEach(({ name }, index) => {
      if (!Object.hasOwn(pluginFactories, name)) {
        const field = at.child('plugins', point, 'enabled').index(index).child('name')
        errors.push(invalid(field, name, 'there is no such plugin'))
      }
    })
  }
  const seen = new Set<string>()
  profile.pluginConfig?.forEach(({ name, args }, index) => {
    const field = at.child('pluginConfig').index(index)
    if (seen.has(name)) errors.push(duplicate(field, name))
    seen.add(name)
    const entry = pluginFactories[name]
    if (!entry) errors.push(invalid(field.child('name'), name, 'there is no such plugin'))
    else if (args !== undefined) errors.push(...entry.validate(args, field.child('args')))
  })
  return errors
}

function extenderErrors(extender: ExtenderConfiguration, at: FieldPath): FieldError[] {
  const errors: FieldError[] = []
  if (!URL.canParse(extender.urlPrefix)) errors.push(invalid(at.child('urlPrefix'), extender.urlPrefix))
  if (extender.prioritizeVerb && (extender.weight ?? 0) <= 0)
    errors.push(
      invalid(at.child('weight'), extender.weight ?? 0, 'must have a positive weight applied to it'),
    )
  return errors
}
