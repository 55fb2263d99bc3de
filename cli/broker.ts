import type { Command } from 'commander';
import type { CommandContext } from './command-context.js';
import { CONFIG_HELP, STATE_HELP } from './service/service-options.js';

/** `vedette broker`: the broker itself, its users, and questions to its rights. */
export function registerBroker(program: Command, context: CommandContext): void {
  const broker = program
    .command('broker')
    .description('run the MQTT broker; manage its users')
    .option('--config <file>', CONFIG_HELP)
    .option('--state <dir>', STATE_HELP)
    .option('--json', 'say {event, broker, epoch, ports} on standard output once it listens')
    .addHelpText(
      'after',
      `
Examples:
  vedette broker --config /etc/vedette/site.yaml
  vedette broker passwd /etc/vedette/users cam1 --role node --generate
  vedette broker check-acl cam1 pub vedette/1/node/cam1/live --role node`,
    )
    .action(async (options: import('./broker/broker-run.js').BrokerRunOptions) => {
      const { runBrokerCommand } = await import('./broker/broker-run.js');
      await runBrokerCommand(options, context);
    });
  registerPasswd(broker, context);
  registerCheckAcl(broker, context);
}

function registerPasswd(broker: Command, context: CommandContext): void {
  broker
    .command('passwd')
    .description('add, change, remove or list the users of a password file')
    .argument('<file>', 'password file; made with mode 0600 if there is none')
    .argument('[user]', 'name of the user: also its client id and the name in its topics')
    .option('--role <role>', 'node, monitor, operator, reader, source or home-assistant; a known user keeps its own')
    .option('--generate', 'make a password of 160 random bits and print it')
    .option('--certificate', 'no password: only a client certificate whose common name is the user logs in')
    .option('--delete', 'remove the user')
    .option('--list', 'list the users')
    .option('--json', 'one JSON object instead of text')
    .addHelpText(
      'after',
      `
Without --generate the password is asked for, or read from standard input where that is no terminal.
A running broker takes the change over within about a second.

Examples:
  vedette broker passwd users cam1 --role node --generate > cam1.password
  vedette broker passwd users alice --role reader < alice.password
  vedette broker passwd users --list`,
    )
    .action(
      async (file: string, user: string | undefined, options: import('./broker/broker-passwd.js').PasswdOptions) => {
        const { runBrokerPasswd } = await import('./broker/broker-passwd.js');
        await runBrokerPasswd(file, user, options, context);
      },
    );
}

function registerCheckAcl(broker: Command, context: CommandContext): void {
  broker
    .command('check-acl')
    .description('ask the rights: may this user publish or subscribe there')
    .argument('<user>', 'name of the user')
    .argument('<action>', 'pub or sub')
    .argument('<topic>', 'topic name, or for sub a topic filter')
    .option('--role <role>', 'role of the user: node, monitor, operator, reader, source, home-assistant, anonymous')
    .option('--file <file>', 'password file to look the role up in')
    .option('--root <root>', 'first level of every topic', 'vedette')
    .option('--json', 'one JSON object: {allowed, rule, note?}')
    .addHelpText(
      'after',
      `
Exit codes: 0 allowed, 1 denied.

Examples:
  vedette broker check-acl cam1 pub vedette/1/node/cam1/live --role node
  vedette broker check-acl alice sub 'vedette/#' --file /etc/vedette/users`,
    )
    .action(
      async (user: string, action: string, topic: string, options: import('./broker/broker-acl.js').AclOptions) => {
        const { runBrokerAcl } = await import('./broker/broker-acl.js');
        await runBrokerAcl({ user, action, topic }, options, context);
      },
    );
}
