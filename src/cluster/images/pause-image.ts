import { machineArchitecture, ociArchive } from './oci-image.ts'
import { pauseProgram } from './pause-program.ts'

/** The image of every pod's sandbox; made on the spot, never pulled. */
export const pauseImageName = 'k8ts.io/pause:1'

export function pauseImage(): Buffer {
  const architecture = machineArchitecture()
  return ociArchive({
    name: pauseImageName,
    architecture,
    layers: [[{ path: 'pause', type: 'file', mode: 0o755, content: pauseProgram(architecture) }]],
    config: { Entrypoint: ['/pause'], WorkingDir: '/', User: '65535:65535' },
  })
}
