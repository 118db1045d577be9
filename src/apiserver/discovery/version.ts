import type { Info } from '../../api/generated/version.ts'
import { builtVersion } from '../../api/kubernetes-version.ts'

/** What we say to be: the version of Kubernetes whose API this is. Source: k8s.io/apimachinery/pkg/version. */
export const versionInfo: Info = {
  major: '1',
  minor: '36',
  emulationMajor: '1',
  emulationMinor: '36',
  minCompatibilityMajor: '1',
  minCompatibilityMinor: '35',
  gitVersion: builtVersion,
  gitCommit: '',
  gitTreeState: 'clean',
  buildDate: '1970-01-01T00:00:00Z',
  goVersion: `node${process.version}`,
  compiler: 'v8',
  platform: `${process.platform}/${process.arch === 'x64' ? 'amd64' : process.arch}`,
}
