export { createApiClient, type ApiAnswer, type ApiClient } from './api-client.ts';
export { has, type Component } from './components.ts';
export {
  startScriptedServer,
  type ScriptedExchange,
  type ScriptedReply,
  type ScriptedServer,
} from './scripted-server.ts';
export { createEmptyDatabase, createTestDatabase, type TestDatabase } from './test-database.ts';
