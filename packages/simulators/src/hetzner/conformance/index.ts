export { createConformanceChecker, type ConformanceChecker } from './checker.ts';
export { readSpecification } from './specification.ts';
