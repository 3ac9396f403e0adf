export { ensureSshKey, type EnsuredSshKey } from './ensure-ssh-key.ts';
export { ensureKeyPair, type PublicKey } from './key-pair-file.ts';
export { fingerprintOf } from './openssh-format.ts';
