export type { AppendRequest, AppendResult, BlobStore, ByteRange, UploadId } from './blob-store.ts';
export { FolderBlobStore } from './folder-blob-store.ts';
