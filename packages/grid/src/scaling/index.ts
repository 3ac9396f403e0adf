export * from './attribute-costs.ts';
export * from './expectations.ts';
export * from './hours.ts';
export * from './make-plan.ts';
export { budgetLevel } from './notices.ts';
export * from './plan.ts';
export * from './policy.ts';
export * from './refusals.ts';
export * from './snapshot.ts';
