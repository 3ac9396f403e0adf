/** The variables of the process, as main.ts found them. */
export type Environment = Readonly<Record<string, string | undefined>>;
