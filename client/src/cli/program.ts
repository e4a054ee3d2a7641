// The commands and their options; what they do is in the files beside this one.
import { Argument, Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { call } from './call.ts';
import { callWaiting } from './callWaiting.ts';
import { approve, devices, link, remove } from './devices.ts';
import { doNotDisturb } from './doNotDisturb.ts';
import { createLink, join, links, revokeLink } from './links.ts';
import { listen } from './listen.ts';
import { send, sendFile } from './send.ts';
import { register, safety, verify, whoami } from './signUp.ts';
import { Surroundings } from './surroundings.ts';
import { failureWords } from './words.ts';

const EPILOGUE = `
Every command takes the global options, before or after its name. With --json each line
on standard output is one JSON object. The exit code is 0 when it was done, 1 when it
failed (the reason is on standard error), 2 when it was called wrongly.

A first conversation:
  carillon register ann
  carillon send bob "Hello Bob"
  carillon listen --save pictures

A second device of the same account:
  carillon --data-dir second link
  carillon link approve <the code it shows>
`;

const amountOf =
  (unit: string) =>
  (text: string): number => {
    const value = Number(text);
    if (!(value > 0 && Number.isFinite(value))) throw new InvalidArgumentError(`not a number of ${unit}`);
    return value;
  };
const seconds = amountOf('seconds');

/** Resolves with the exit code. */
export async function runCommandLine(args: readonly string[], surroundings = new Surroundings()): Promise<number> {
  let code = 0;
  const program = createProgram(surroundings, (failed) => {
    code = failed;
  });
  try {
    await program.parseAsync([...args], { from: 'user' });
    return code;
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return error.exitCode === 0 ? 0 : 2;
  }
}

function createProgram(surroundings: Surroundings, failed: (code: number) => void): Command {
  const program = new Command('carillon')
    .description('Messages, media and calls from the command line, end-to-end encrypted.')
    .addHelpText('after', EPILOGUE)
    .showHelpAfterError('(carillon --help tells what there is)')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => surroundings.stdout.write(text),
      writeErr: (text) => surroundings.stderr.write(text),
    });
  addGlobals(program);

  // Failures of the work itself are told in words; those of the call by commander.
  type Action = (surroundings: Surroundings, ...given: never[]) => Promise<void>;
  const add = (usage: string, description: string, action: Action, parent = program): Command => {
    const command = parent.command(usage).description(description);
    addGlobals(command);
    command.action(async (...given: unknown[]) => {
      surroundings.configure(command.optsWithGlobals());
      try {
        await action(surroundings, ...(given.slice(0, -1) as never[]));
      } catch (error) {
        surroundings.output.fail(failureWords(error), error);
        failed(1);
      } finally {
        await surroundings.close();
      }
    });
    return command;
  };

  add('register <handle>', 'Sign up with a handle; a code is sent to its owner.', register)
    .option('--name <name>', 'what others see; the handle by default')
    .option('--no-prompt', 'do not ask for the code here: `carillon verify` goes on');
  add('verify <id> <code>', 'Finish signing up, with the id that register printed.', verify).option(
    '--name <name>',
    'what others see; the handle by default',
  );
  add('whoami', 'Who is signed in here.', whoami);
  add('safety <handle>', 'The safety number shared with someone, to compare with theirs.', safety).option(
    '--accept',
    'accept it: go on writing after it has changed',
  );
  const waiting = (command: Command) =>
    command.option('--timeout <seconds>', 'how long to wait for earlier messages to be passed on', seconds, 60);
  const linking = waiting(
    add('link', 'Link this device to an account: shows a code for its main device.', link),
  ).option('--name <name>', 'what your other devices show; the name of this computer by default');
  waiting(add('approve <code>', 'On the main device: take in the device that shows this code.', approve, linking));
  const listing = add('devices', 'The devices of this account.', devices);
  add('remove <number>', 'Remove a device: it is cut at once and gets nothing more.', remove, listing);
  const sending = (command: Command) =>
    command
      .addOption(
        new Option('--wait <status>', 'how far the message has to get before the command ends')
          .choices(['sent', 'delivered', 'read'])
          .default('sent'),
      )
      .option('--timeout <seconds>', 'how long to wait for that', seconds, 60);
  sending(add('send <handle> <text>', 'Send a text.', send));
  const media = [
    ['send-photo', 'photo', 'Send a photo: made smaller, without where it was taken.'],
    ['send-video', 'video', 'Send a video: converted and made smaller by ffmpeg.'],
    ['send-voice', 'voice-note', 'Send a sound file as a voice note.'],
    ['send-file', 'file', 'Send a file as it is.'],
  ] as const;
  for (const [name, kind, description] of media) {
    sending(add(`${name} <handle> <path>`, description, sendFile(kind))).option(
      '--caption <text>',
      'words with it',
      '',
    );
  }
  add('listen', 'Print messages as they come, also those that your other devices send, until Ctrl-C.', listen)
    .option('--save <folder>', 'keep the media that come in this folder')
    .option('--count <n>', 'end after so many messages from others', Number)
    .option('--for <seconds>', 'end after so long', seconds)
    .option('--no-read', 'do not tell the sender that it was read')
    .option('--answer', 'accept calls')
    .option('--admit', 'let in who waits at your call links')
    .option('--media <file>', 'what an accepted call sends: a file that ffmpeg reads')
    .option('--record <file>', 'keep what comes in an accepted call, as WebM');
  const calling = (command: Command) =>
    command
      .option('--media <file>', 'what to send: a file that ffmpeg reads')
      .option('--record <file>', 'keep what comes, as WebM')
      .option('--relay', 'media only through the relay')
      .option('--duration <seconds>', 'hang up so long after it was accepted', seconds);
  calling(add('call <handle>', 'Call someone, with media from a file, until either side hangs up.', call)).option(
    '--video',
    'a video call',
  );
  add('do-not-disturb', 'Whether calls ring on your devices; on or off changes it.', doNotDisturb)
    .addArgument(new Argument('[change]').choices(['on', 'off']))
    .option('--hours <n>', 'with on: ends by itself after so long', amountOf('hours'));
  add('call-waiting', 'Whether a call may ring while you are in one; on or off changes it.', callWaiting).addArgument(
    new Argument('[change]').choices(['on', 'off']),
  );
  const linkList = add('links', 'Your call links: who has one can ask to be called.', links);
  add('create <name>', 'Make a call link.', createLink, linkList)
    .option('--video', 'a video call')
    .option('--group', 'a call of many, not of one at a time')
    .option('--no-lobby', 'let everybody in by themselves');
  add('revoke <id>', 'Take a call link back.', revokeLink, linkList);
  calling(add('join <link>', 'Call by somebody’s call link: waits until they let you in.', join)).option(
    '--timeout <seconds>',
    'how long to wait for that',
    seconds,
    300,
  );
  return program;
}

function addGlobals(command: Command): void {
  command
    .option('--server <url>', 'origin of the services (CARILLON_SERVER; the one signed up at; http://127.0.0.1:8080)')
    .option('--data-dir <folder>', 'keys and messages of this device (CARILLON_CLIENT_DIR; ~/.carillon)')
    .option('--json', 'one JSON object a line, no progress bars')
    .option('--insecure', 'take self-signed certificates: for a server on your own network')
    .exitOverride()
    .helpOption('-h, --help', 'what it does and its options');
}
