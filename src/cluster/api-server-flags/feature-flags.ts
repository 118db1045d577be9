import { allResources } from '../../api/generated/resources.ts'
import {
  resourceConfig,
  RuntimeConfigError,
  type RuntimeConfig,
} from '../../apiserver/enablement/resource-config.ts'
import { featureGatesWith, FeatureGateError, parseFeatureGates } from '../../machinery/feature-gates.ts'
import type { CommandInput, Option } from '../cli/command.ts'
import { invalidFlag, usageError } from './flag-values.ts'

/** Of every component. */
export const featureGatesOption: Readonly<Record<string, Option>> = {
  'feature-gates': {
    description: 'Features that are on or off other than by default: NAME=true|false[,...]',
    value: 'GATES',
    repeats: true,
  },
}

/** Of the API server. Source of names and messages: k8s.io/apiserver/pkg/server/options/api_enablement.go. */
export const runtimeConfigOption: Readonly<Record<string, Option>> = {
  'runtime-config': {
    description:
      'Built-in APIs that are served or not: GROUP/VERSION[/RESOURCE]=true|false[,...], api/beta=true, ...',
    value: 'APIS',
    repeats: true,
  },
}

/** Undefined where nothing is said. Throws a CliError. */
export function parseFeatureFlag(input: CommandInput): Readonly<Record<string, boolean>> | undefined {
  const texts = input.texts('feature-gates')
  if (texts.length === 0) return undefined
  try {
    const said = parseFeatureGates(texts.join(','))
    featureGatesWith(said)
    return said
  } catch (error) {
    if (error instanceof FeatureGateError) throw invalidFlag('feature-gates', texts.join(','), error.message)
    throw error
  }
}

/** Undefined where nothing is said. Throws a CliError. */
export function parseRuntimeConfig(input: CommandInput): RuntimeConfig | undefined {
  const texts = input.texts('runtime-config')
  if (texts.length === 0) return undefined
  const said = Object.fromEntries(
    texts
      .join(',')
      .split(',')
      .filter((part) => part !== '')
      .map((part) => {
        const [key = '', ...value] = part.split('=')
        return [key.trim(), value.join('=').trim()] as const
      }),
  )
  try {
    resourceConfig(said, builtInApis)
    return said
  } catch (error) {
    if (error instanceof RuntimeConfigError) throw usageError(error.message)
    throw error
  }
}

/** All that can be served, but what comes by aggregation. */
export const builtInApis = allResources.filter(({ group }) => group !== 'metrics.k8s.io')
