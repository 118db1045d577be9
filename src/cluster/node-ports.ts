/** Where kubelet and kube-proxy answer on every node. */
export const nodePorts: readonly number[] = [10_249, 10_250, 10_255, 10_256]
