import { busyboxImage } from './busybox-image.ts'

/** A web server for demonstrations: its one page names the pod that answers. */
export const webImageName = 'k8ts.io/web:1'

const serve = `
mkdir -p /tmp/www
echo "Hello from pod \${POD_NAME:-$HOSTNAME} on node \${NODE_NAME:-unknown}" > /tmp/www/index.html
exec httpd -f -p "\${PORT:-8080}" -h /tmp/www
`

export function webImage(busybox: string): Buffer {
  return busyboxImage(
    webImageName,
    busybox,
    { Entrypoint: ['/bin/serve'], ExposedPorts: { '8080/tcp': {} } },
    [{ path: 'bin/serve', type: 'file', mode: 0o755, content: `#!/bin/sh${serve}` }],
  )
}
