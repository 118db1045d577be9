import { maxNodeScore, type Plugin } from '../framework.ts'

const minBytes = 23 * 1024 * 1024
const maxBytesPerContainer = 1000 * 1024 * 1024

/** Prefers nodes that hold the pod's images, the more the larger they are and the more nodes hold them. */
export const imageLocality: Plugin = {
  name: 'ImageLocality',
  score({ pod }, nodes) {
    const containers = [...(pod.spec?.initContainers ?? []), ...(pod.spec?.containers ?? [])]
    const images = containers
      .map(({ image = '' }) => normalized(image))
      .filter((image) => nodes.nodesWithImage(image) > 0)
    if (images.length === 0) return undefined
    const maxBytes = maxBytesPerContainer * containers.length
    return {
      raw(node) {
        let bytes = 0
        for (const image of images) {
          const spread = nodes.nodesWithImage(image) / nodes.size
          bytes += Math.floor((nodes.images[node]!.get(image) ?? 0) * spread)
        }
        const bounded = Math.min(maxBytes, Math.max(minBytes, bytes))
        return Math.floor((maxNodeScore * (bounded - minBytes)) / (maxBytes - minBytes))
      },
    }
  },
}

/** Nodes list images with their tag. */
function normalized(image: string): string {
  return image.lastIndexOf(':') <= image.lastIndexOf('/') ? `${image}:latest` : image
}
