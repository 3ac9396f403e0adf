import { pino, type Logger } from 'pino';

export type { Logger } from 'pino';

/** Values under these names never reach a log line, at any of the depths we log. */
const REDACTED = ['token', 'secret', 'password', 'authorization', 'apiKey', 'env', 'key'].flatMap(
  (name) => [name, `*.${name}`, `*.*.${name}`],
);

export function createLogger(options: {
  name: string;
  level: string;
  destination?: string | undefined;
}): Logger {
  const settings = {
    name: options.name,
    // LOG_LEVEL=INFO and WARNING are the spellings of older environment files.
    level: options.level.toLowerCase().replace('warning', 'warn'),
    redact: { paths: REDACTED, censor: '[secret]' },
  };
  if (options.destination === undefined) return pino(settings);
  return pino(
    settings,
    pino.destination({ dest: options.destination, mkdir: true, append: true, sync: false }),
  );
}

export const silentLogger: Logger = pino({ level: 'silent' });
