export { createApi, PUBLIC_KEYS, SERVER, type Api, type ApiReply } from './api.ts';
export { createCheckedHetzner } from './checked-hetzner.ts';
export { callEveryRoute } from './call-every-route.ts';
