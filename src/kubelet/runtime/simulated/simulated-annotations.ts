/**
 * Annotations of a pod that say how its containers behave; with `.<container>` behind, of one container. What they do
 * not say their commands do (script.ts).
 */
export const exitAfterAnnotation = 'simulated.k8ts.io/exit-after-seconds'
export const exitCodeAnnotation = 'simulated.k8ts.io/exit-code'
/** `false`: network probes of the container fail. */
export const healthyAnnotation = 'simulated.k8ts.io/healthy'
/** `true`: it only ends when it is killed. */
export const ignoreStopAnnotation = 'simulated.k8ts.io/ignore-stop-signal'
/** What the container uses, as quantities: `250m`, `64Mi`. May change while it runs. */
export const cpuUsageAnnotation = 'simulated.k8ts.io/cpu-usage'
export const memoryUsageAnnotation = 'simulated.k8ts.io/memory-usage'

/** What the annotations of a pod say for one of its containers. */
export function annotationFor(
  container: string,
  annotations: Readonly<Record<string, string>>,
  name: string,
): string | undefined {
  return annotations[`${name}.${container}`] ?? annotations[name]
}
