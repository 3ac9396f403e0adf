import { expect, test } from 'vitest';

import { packageManagerSettings } from './package-manager-settings.ts';

test('says where packages come from, and nothing of the folders of whoever started us', () => {
  const kept = {
    PIP_INDEX_URL: 'http://packages.example/simple',
    npm_config_registry: 'http://packages.example/npm',
    'npm_config_@shop:registry': 'http://packages.example/shop',
    npm_config_cafile: '/etc/ssl/certs/ca.crt',
    https_proxy: 'http://proxy.example:3128',
    SSL_CERT_FILE: '/etc/ssl/certs/ca.crt',
  };
  const dropped = {
    npm_config_cache: '/somewhere/.npm',
    npm_config_userconfig: '/somewhere/.npmrc',
    npm_config_prefix: '/usr',
    npm_package_name: 'platform',
    API_TOKEN: 'abc',
    PATH: '/usr/bin',
  };
  expect(packageManagerSettings({ ...kept, ...dropped })).toEqual(kept);
});
