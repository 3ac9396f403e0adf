import { systemErrorCode } from '@nexus/kit/errors';

const WRITE_ERRORS: Readonly<Record<string, string>> = {
  ENOSPC: 'there is no space left',
  EDQUOT: 'the disk quota is used up',
  EACCES: 'permission denied',
  EPERM: 'not permitted',
  EROFS: 'the file system is read-only',
  ENAMETOOLONG: 'a name is too long here',
  EISDIR: 'a folder is in the way',
  ENOTDIR: 'a file is in the way',
  EEXIST: 'a file is in the way',
  EFBIG: 'a file is too large for the file system',
};

/** Why something could not be written here, in words; undefined for what has nothing to do with the disk. */
export function describeWriteError(error: unknown): string | undefined {
  return WRITE_ERRORS[systemErrorCode(error) ?? ''];
}
