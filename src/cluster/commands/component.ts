import type { Command, CommandInput, Option } from '../cli/command.ts'
import type { ExitCode } from '../cli/exit-codes.ts'
import {
  apiServerOptions,
  controllersOptions,
  dnsOptions,
  kubeletOptions,
  proxyOptions,
  schedulerOptions,
} from '../components/component-options.ts'

/** One component for each process: for clusters that are put together by hand, and for other API servers. */
export const componentCommands: readonly Command[] = [
  component('apiserver', 'the API server', apiServerOptions, async (input) => {
    return (await import('../components/run-api-server.ts')).runApiServer(input)
  }),
  component('controllers', 'the controllers', controllersOptions, async (input) => {
    return (await import('../components/run-controllers.ts')).runControllers(input)
  }),
  component('scheduler', 'the scheduler', schedulerOptions, async (input) => {
    return (await import('../components/run-scheduler.ts')).runScheduler(input)
  }),
  component('kubelet', 'the kubelet of this machine', kubeletOptions, async (input) => {
    return (await import('../components/run-kubelet.ts')).runKubelet(input)
  }),
  component('proxy', 'the service proxy of this machine', proxyOptions, async (input) => {
    return (await import('../components/run-proxy.ts')).runProxy(input)
  }),
  component('dns', 'cluster DNS', dnsOptions, async (input) => {
    return (await import('../components/run-dns.ts')).runDns(input)
  }),
]

function component(
  name: string,
  what: string,
  options: Readonly<Record<string, Option>>,
  run: (input: CommandInput) => Promise<ExitCode>,
): Command {
  return { name: `component ${name}`, summary: `Run ${what} alone, until it is stopped`, options, run }
}
