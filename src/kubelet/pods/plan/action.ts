import type { ContainerKind } from '../pod.ts'

/** One thing to do about a pod. Actions of one plan may run at the same time. */
export type Action =
  | { readonly type: 'createSandbox'; readonly attempt: number }
  | { readonly type: 'stopSandbox'; readonly sandboxID: string }
  | { readonly type: 'removeSandbox'; readonly sandboxID: string }
  | StartContainer
  | KillContainer
  | { readonly type: 'removeContainer'; readonly containerID: string; readonly name: string }
  | { readonly type: 'resizeContainer'; readonly containerID: string; readonly name: string }
  | { readonly type: 'resizePod' }

export interface StartContainer {
  readonly type: 'startContainer'
  readonly name: string
  readonly kind: ContainerKind
  readonly attempt: number
  readonly sandboxID: string
  /** An instance that was made and not started, by a kubelet that stopped meanwhile: this one is started. */
  readonly createdID?: string
  /** When the instance before this one ended; absent when there was none that ended. */
  readonly previousEndedAtMs?: number
}

export interface KillContainer {
  readonly type: 'killContainer'
  readonly containerID: string
  readonly name: string
  /** From now until SIGKILL, the preStop hook included. */
  readonly graceSeconds: number
  readonly reason: KillReason
  /** Of the Killing event, where upstream has one beside `Stopping container x`. */
  readonly message?: string
}

export type KillReason =
  | 'podEnding'
  | 'livenessProbe'
  | 'startupProbe'
  | 'definitionChanged'
  | 'resize'
  | 'restartAllContainers'
  | 'unwanted'

/** Two actions with the same key do not run at the same time. */
export function actionKey(action: Action): string {
  switch (action.type) {
    case 'createSandbox':
      return 'createSandbox'
    case 'startContainer':
      return `start/${action.name}`
    case 'killContainer':
      return `kill/${action.containerID}`
    case 'removeContainer':
      return `removeContainer/${action.containerID}`
    case 'resizeContainer':
      return `resize/${action.containerID}`
    case 'resizePod':
      return 'resizePod'
    case 'stopSandbox':
      return `stopSandbox/${action.sandboxID}`
    case 'removeSandbox':
      return `removeSandbox/${action.sandboxID}`
  }
}
