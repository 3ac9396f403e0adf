export { createApiClient, type ApiAnswer, type ApiClient } from './api-client.ts';
export { has, type Component } from './components.ts';
export { createEmptyDatabase, createTestDatabase, type TestDatabase } from './test-database.ts';
