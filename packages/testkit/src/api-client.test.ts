import { createServer } from 'node:http';
import { once } from 'node:events';
import { buffer } from 'node:stream/consumers';
import { expect, test } from 'vitest';

import { createApiClient } from './api-client.ts';

test('a client says what goes over the wire and shows what comes back', async () => {
  const server = createServer((request, response) => {
    void buffer(request).then((body) => {
      const { method, url, headers } = request;
      if (url?.endsWith('/none')) return response.writeHead(204).end();
      if (url?.endsWith('/lines')) return response.end('{"n":1}\n{"n":2}\n');
      const said = {
        method,
        url,
        body: body.toString(),
        type: headers['content-type'],
        authorization: headers.authorization,
      };
      return response.writeHead(418).end(JSON.stringify(said));
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : 0;
  const api = createApiClient(`http://127.0.0.1:${port}/api`, 'token');
  const anonymous = createApiClient(`http://127.0.0.1:${port}/api`, undefined);
  expect(await api.get('/a')).toMatchObject({
    status: 418,
    body: { method: 'GET', url: '/api/a', authorization: 'Bearer token' },
  });
  expect(await anonymous.post('/b', { n: 1 })).toEqual({
    status: 418,
    body: { method: 'POST', url: '/api/b', body: '{"n":1}', type: 'application/json' },
  });
  expect((await api.put('/c', Buffer.from('bytes'))).body).toMatchObject({
    method: 'PUT',
    body: 'bytes',
    type: 'application/octet-stream',
  });
  expect(await api.get('/none')).toEqual({ status: 204, body: null });
  expect(await api.lines('/lines')).toEqual([{ n: 1 }, { n: 2 }]);
  server.close();
});
