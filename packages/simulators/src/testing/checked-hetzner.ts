import {
  createConformanceChecker,
  readSpecification,
  type ConformanceChecker,
} from '../hetzner/conformance/index.ts';
import {
  createHetznerSimulator,
  type HetznerSimulator,
  type HetznerSimulatorOptions,
} from '../hetzner/index.ts';

/**
 * The simulator for tests. If HETZNER_OPENAPI names the official document, every reply is held against
 * it, and `close` fails if one was not as it says.
 */
export function createCheckedHetzner(options: HetznerSimulatorOptions = {}): HetznerSimulator {
  const path = process.env['HETZNER_OPENAPI'];
  if (path === undefined || path === '') return createHetznerSimulator(options);
  const checker = findChecker(path);
  const problems: string[] = [];
  const simulator = createHetznerSimulator({
    ...options,
    onExchange: (exchange) => {
      options.onExchange?.(exchange);
      problems.push(...checker.check(exchange));
    },
  });
  const close = simulator.close.bind(simulator);
  return Object.defineProperty(simulator, 'close', {
    value: async () => {
      await close();
      if (problems.length > 0) {
        throw new Error(`replies differ from the official document:\n${problems.join('\n')}`);
      }
    },
  });
}

/** Reading the document takes longer than most tests. */
const checkers = new Map<string, ConformanceChecker>();

function findChecker(path: string): ConformanceChecker {
  const checker = checkers.get(path) ?? createConformanceChecker(readSpecification(path));
  checkers.set(path, checker);
  return checker;
}
