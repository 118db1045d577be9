import type { Info } from '../../api/generated/version.ts'
import { builtVersion, runtimeVersion } from '../../api/kubernetes-version.ts'

/** Commit, state of the tree and time of a bundle; bin/build.sh writes them in. */
declare const builtFrom: string | undefined

/** Of what runs from sources git's word for no commit is said: clients expect hexadecimal digits. */
const unknownBuild = `${'0'.repeat(40)} clean 1970-01-01T00:00:00Z`
const [gitCommit = '', gitTreeState = '', buildDate = ''] = (
  typeof builtFrom === 'undefined' ? unknownBuild : builtFrom
).split(' ')

/** What we say to be: the version of Kubernetes whose API this is. Source: k8s.io/apimachinery/pkg/version. */
export const versionInfo: Info = {
  major: '1',
  minor: '36',
  emulationMajor: '1',
  emulationMinor: '36',
  minCompatibilityMajor: '1',
  minCompatibilityMinor: '35',
  gitVersion: builtVersion,
  gitCommit,
  gitTreeState,
  buildDate,
  goVersion: runtimeVersion,
  compiler: 'v8',
  platform: `${process.platform}/${process.arch === 'x64' ? 'amd64' : process.arch}`,
}
