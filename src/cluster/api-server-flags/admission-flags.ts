import { resolve } from 'node:path'
import { orderedPluginNames } from '../../apiserver/admission/plugin-names.ts'
import type { CommandInput, Option } from '../cli/command.ts'
import { given, integerFlag, listFlag, usageError } from './flag-values.ts'

/** What the flags of admission say. */
export interface AdmissionFlags {
  readonly enable?: readonly string[]
  readonly disable?: readonly string[]
  /** An AdmissionConfiguration; absolute. */
  readonly configFile?: string
  readonly notReadySeconds?: number
  readonly unreachableSeconds?: number
}

/** Source of names and messages: k8s.io/apiserver/pkg/server/options/admission.go. */
export const admissionOptions: Readonly<Record<string, Option>> = {
  'enable-admission-plugins': {
    description: 'Admission plugins that are on besides those that always are: NAME[,NAME...]',
    value: 'NAMES',
  },
  'disable-admission-plugins': { description: 'Admission plugins that are off', value: 'NAMES' },
  'admission-control-config-file': {
    description: 'AdmissionConfiguration: what plugins are to do',
    value: 'FILE',
  },
  'default-not-ready-toleration-seconds': {
    description: 'How long pods that say nothing stay on a node that is not ready (default 300)',
    value: 'SECONDS',
  },
  'default-unreachable-toleration-seconds': {
    description: 'How long pods that say nothing stay on a node that does not answer (default 300)',
    value: 'SECONDS',
  },
}

/** Undefined where nothing is said. Throws a CliError. */
export function parseAdmission(input: CommandInput): AdmissionFlags | undefined {
  const enable = listFlag(input, 'enable-admission-plugins')
  const disable = listFlag(input, 'disable-admission-plugins')
  checkKnown('enable-admission-plugins', enable)
  checkKnown('disable-admission-plugins', disable)
  const both = [...new Set(enable)].filter((name) => disable?.includes(name)).sort()
  if (both.length > 0) {
    throw usageError(
      `[${both.join(' ')}] in enable-admission-plugins and disable-admission-plugins overlapped`,
    )
  }
  const configFile = input.text('admission-control-config-file')
  const flags = given({
    enable,
    disable,
    configFile: configFile ? resolve(configFile) : undefined,
    notReadySeconds: integerFlag(input, 'default-not-ready-toleration-seconds'),
    unreachableSeconds: integerFlag(input, 'default-unreachable-toleration-seconds'),
  })
  return Object.keys(flags).length > 0 ? flags : undefined
}

function checkKnown(flag: string, names: readonly string[] = []): void {
  const known: readonly string[] = orderedPluginNames
  const unknown = names.find((name) => !known.includes(name))
  if (unknown !== undefined) throw usageError(`${flag} plugin "${unknown}" is unknown`)
}
