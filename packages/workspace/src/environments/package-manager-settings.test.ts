import { expect, test } from 'vitest';

import { packageManagerSettings, settingsInside } from './package-manager-settings.ts';

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
    PIP_CACHE_DIR: '/somewhere/.cache',
    PIP_LOG: '/somewhere/pip.log',
    PIP_PREFIX: '/somewhere',
    PIP_USER: '1',
    PIP_REQUIRE_VIRTUALENV: '1',
    PIP_CONFIG_FILE: '/somewhere/pip.conf',
  };
  expect(packageManagerSettings({ ...kept, ...dropped })).toEqual(kept);
});

const KINDS: Record<string, 'file' | 'folder'> = {
  '/opt/wheels': 'folder',
  '/opt/more': 'folder',
  '/opt/ca.pem': 'file',
  '/tmp/wheels': 'folder',
  '/tmp/ca.pem': 'file',
  '/tmp': 'folder',
  '/proc/self': 'folder',
  '/': 'folder',
};
const inside = (settings: Record<string, string>) =>
  settingsInside(settings, (path) => KINDS[path]);

test('folders and certificates that settings name are mounted where they are', () => {
  const settings = {
    PIP_FIND_LINKS: '/opt/wheels https://packages.example/simple file:///opt/more',
    NODE_EXTRA_CA_CERTS: '/opt/ca.pem',
    PIP_INDEX_URL: 'http://packages.example/simple',
  };
  expect(inside(settings)).toEqual({
    env: settings,
    mounts: ['/opt/wheels', '/opt/more', '/opt/ca.pem'],
  });
  expect(inside({ PIP_FIND_LINKS: '/tmp/wheels' }).mounts).toEqual(['/tmp/wheels']);
});

test('what every sandbox has is named and not mounted', () => {
  const settings = { PIP_CERT: '/etc/ssl/certs/ca.crt', PIP_FIND_LINKS: '/usr/share/wheels' };
  expect(inside(settings)).toEqual({ env: settings, mounts: [] });
});

test('what is not on this machine or cannot be mounted is left out, and the rest stays', () => {
  const find = '/gone wheels ./wheels ~/wheels /tmp /proc/self / /opt/../opt/wheels /opt/wheels/';
  expect(inside({ PIP_FIND_LINKS: find, PIP_CERT: '/tmp/ca.pem' })).toEqual({
    env: {},
    mounts: [],
  });
  expect(inside({ PIP_FIND_LINKS: '/gone /opt/wheels', PIP_NO_INDEX: '1' })).toEqual({
    env: { PIP_FIND_LINKS: '/opt/wheels', PIP_NO_INDEX: '1' },
    mounts: ['/opt/wheels'],
  });
});
