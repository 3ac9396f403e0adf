export {
  MAX_USER_DATA_BYTES,
  renderCloudInit,
  renderImageCloudInit,
  type BootBundle,
  type ServerBoot,
} from './render-cloud-init.ts';
