import { readFileSync } from 'node:fs';

/** The statement in the `.sql` file beside a module: `loadSql(import.meta.url, './claim.sql')`. */
export function loadSql(moduleUrl: string, file: string): string {
  return readFileSync(new URL(file, moduleUrl), 'utf8');
}
