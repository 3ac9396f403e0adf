export { isConnectionError, openDatabase, type Database, type Queryable } from './database.ts';
export { openExclusive, type ExclusiveDatabase } from './exclusive.ts';
export { listen, type Listener } from './listener.ts';
export { migrate } from './migrate.ts';
export { loadSql } from './sql.ts';
