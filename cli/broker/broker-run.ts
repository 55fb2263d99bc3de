import { loadConfig, serviceSchema } from '../../base/config.js';
import type { Broker } from '../../broker/broker.js';
import { BrokerConfig } from '../../broker/config.js';
import { runBrokerMain } from '../../broker/main.js';
import type { CommandContext } from '../command-context.js';
import { requireConfig, serviceStateDir } from '../service/service-options.js';

export type BrokerRunOptions = { readonly config?: string; readonly state?: string; readonly json?: boolean };

/** Runs the broker until it is told to stop. */
export async function runBrokerCommand(options: BrokerRunOptions, context: CommandContext): Promise<void> {
  const path = requireConfig('broker', options.config);
  // The section must be there, if only as `broker: {}`: a file of another service would else open a listener to all.
  const schema = serviceSchema({ broker: BrokerConfig.unwrap() });
  const file = await loadConfig({ path, schema, env: context.env });
  const { name } = file.broker;
  // Through the schema once more: what the site and the command line add is held to the same rules.
  const config = BrokerConfig.parse({
    ...file.broker,
    root: file.broker.root ?? file.site.root,
    stateDir: stateDirOf(options.state, file.broker.stateDir, name, context),
  });
  const onOpen = ({ ports, epoch }: Broker) => {
    if (options.json === true) return context.out.writeJson({ event: 'listening', broker: name, epoch, ports });
    const where = Object.entries(ports).map(([kind, port]) => `${kind} ${port}`);
    context.err.writeLine(`broker ${name} listens: ${where.join(', ')}`);
  };
  await runBrokerMain(config, context.signal, onOpen, context.env);
}

// The command line wins over the file, the file over systemd and the default.
function stateDirOf(
  option: string | undefined,
  configured: string | undefined,
  name: string,
  context: CommandContext,
): string {
  return option === undefined && configured !== undefined
    ? configured
    : serviceStateDir(option, context, 'broker', name);
}
