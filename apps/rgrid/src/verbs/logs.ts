import type { Execution } from '@nexus/grid/contract';

import type { GridApi } from '../api/grid-api.ts';
import { reconnecting } from '../api/reconnect.ts';
import { readPlatform } from '../connection/connect.ts';
import type { Context } from '../context.ts';
import { onlyId, resolveId } from '../executions/resolve-id.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { COMMON_FLAGS, type FlagValues } from '../flags/flag.ts';
import { parseWords } from '../flags/parse-words.ts';
import { parseCount } from '../flags/values.ts';
import { logStream } from '../logs/log-stream.ts';
import { TailLines } from '../logs/tail-lines.ts';
import { usageProblem } from '../problem.ts';
import { explainEnd } from '../run/explain-end.ts';
import { hasEnded } from '../run/outcome.ts';
import { Screen, type ScriptPiece } from '../terminal/screen.ts';
import { quoted } from '../terminal/text.ts';
import type { Verb } from './verb.ts';

export const verb: Verb = {
  usage: 'logs ID',
  about: `Print what an execution wrote, byte for byte: its stdout to stdout, its stderr to stderr.
Of a batch, one execution after the other. What ended by a limit or a signal is said on stderr.`,
  flags: [
    { name: 'follow', short: 'f', help: 'go on as it grows, to the end' },
    { name: 'stdout-only', help: 'only stdout' },
    { name: 'stderr-only', help: 'only stderr' },
    { name: 'tag', help: 'of a batch: begin each line with its input' },
    { name: 'tail', short: 'n', value: 'N', help: 'only the last N lines' },
  ],
  completes: 'id',
  run: logs,
};

interface LogsRequest {
  isFollowing: boolean;
  stream: 'stdout' | 'stderr' | undefined;
  tail: number | undefined;
  isTagged: boolean;
}

async function logs(context: Context, words: readonly string[]): Promise<ExitCode> {
  const { flags, positionals } = parseWords(words, [...verb.flags, ...COMMON_FLAGS]);
  const text = onlyId(positionals, 'logs');
  const request = parseRequest(flags);
  const screen = new Screen({ stdout: context.stdout, stderr: context.stderr, isQuiet: false });
  await readPlatform(context, flags.text('profile'), async (api) => {
    const { kind, id } = await resolveId(api, text);
    // Following waits for a platform that restarts, but not for one that is not there at all.
    if (request.isFollowing) await (kind === 'batch' ? api.getBatch(id) : api.getExecution(id));
    const printer = new LogPrinter({ api, screen, context, request });
    if (kind === 'execution') await printer.print(id);
    else await printer.printBatch(id);
    await screen.settle();
  });
  return EXIT.ok;
}

function parseRequest(flags: FlagValues): LogsRequest {
  const tail = flags.text('tail');
  if (flags.has('stdout-only') && flags.has('stderr-only')) {
    throw usageProblem('--stdout-only and --stderr-only exclude each other');
  }
  const only = flags.has('stderr-only') ? 'stderr' : undefined;
  return {
    isFollowing: flags.has('follow'),
    stream: flags.has('stdout-only') ? 'stdout' : only,
    isTagged: flags.has('tag'),
    tail: tail === undefined ? undefined : parseCount('tail', tail, { min: 0, max: 1_000_000 }),
  };
}

interface PrinterOptions {
  api: GridApi;
  screen: Screen;
  context: Context;
  request: LogsRequest;
}

interface LogPlace {
  /** `epoch:sequence` of the last chunk seen. */
  after?: string;
  /** As it stood at the end of the log. */
  execution?: Execution;
}

class LogPrinter {
  readonly #options: PrinterOptions;
  /** Stops reading once nobody reads what is printed. */
  readonly #unread = new AbortController();

  constructor(options: PrinterOptions) {
    this.#options = options;
  }

  async print(id: string): Promise<void> {
    const seen: LogPlace = {};
    await this.#printLog(id, seen);
    const { execution } = seen;
    if (execution && hasEnded(execution.state)) await explainEnd(this.#options, execution);
  }

  async #printLog(id: string, seen: LogPlace): Promise<void> {
    const { request, screen } = this.#options;
    if (request.tail !== undefined) {
      const lines = new TailLines(request.tail);
      for await (const piece of this.#pieces(id, false, seen)) lines.add(piece);
      await screen.scriptGroup(lines.pieces());
      if (!request.isFollowing) return;
    }
    for await (const piece of this.#pieces(id, request.isFollowing, seen))
      await screen.scriptGroup([piece]);
  }

  async printBatch(id: string): Promise<void> {
    for await (const execution of this.#executions(id)) {
      if (this.#unread.signal.aborted) return;
      if (this.#options.request.isTagged) {
        await this.#printTagged(execution);
        continue;
      }
      await this.#title(execution);
      await this.#options.screen.settle();
      await this.print(execution.id);
    }
  }

  async #printTagged({ id, label }: Execution): Promise<void> {
    const { screen, request } = this.#options;
    const seen: LogPlace = {};
    const pieces = this.#pieces(id, false, seen);
    const lines = request.tail === undefined ? undefined : new TailLines(request.tail);
    if (lines) for await (const piece of pieces) lines.add(piece);
    await screen.scriptGroup(lines?.pieces() ?? pieces, { label, lines: 'always' });
    if (seen.execution && hasEnded(seen.execution.state))
      await explainEnd(this.#options, seen.execution);
  }

  /** In their order; with --follow as they end. */
  async *#executions(id: string): AsyncGenerator<Execution> {
    const { api, request, screen } = this.#options;
    if (!request.isFollowing) {
      for await (const execution of api.executionsOf(id))
        if (execution.retriedAs === null) yield execution;
      return;
    }
    let after = 0;
    const events = reconnecting(
      (signal) => api.batchEvents(id, { after, follow: true }, signal),
      (event) => event.type === 'end',
      {
        policy: api.followPolicy,
        signal: this.#unread.signal,
        say: (text) => screen.say(text),
      },
    );
    for await (const event of events) {
      if (event.type !== 'execution') continue;
      after = event.version;
      if (hasEnded(event.execution.state)) yield event.execution;
    }
  }

  async #title({ label, id }: Execution): Promise<void> {
    const { stderr } = this.#options.context;
    if (stderr.isTerminal)
      await stderr.line(stderr.paint('bold', `==> ${quoted(label)} (${id}) <==`));
  }

  /** `seen` carries the place in the log from one pass to the next. */
  async *#pieces(id: string, isFollowing: boolean, seen: LogPlace): AsyncGenerator<ScriptPiece> {
    const { api, screen, request, context } = this.#options;
    const events = logStream(api, {
      executionId: id,
      isFollowing,
      stream: request.stream,
      after: seen.after,
      policy: isFollowing ? api.followPolicy : api.requestPolicy,
      signal: this.#unread.signal,
      // Not waited for: the screen may be busy with the very group that this is read for.
      say: async (text) => void screen.say(text),
    });
    for await (const event of events) {
      if (event.type === 'end') seen.execution = event.execution;
      if (event.type !== 'chunk') continue;
      const { chunk } = event;
      seen.after = `${chunk.epoch}:${chunk.sequence}`;
      yield { stream: chunk.stream, data: Buffer.from(chunk.data, 'base64') };
      if (context.stdout.isClosed) return;
    }
  }
}
