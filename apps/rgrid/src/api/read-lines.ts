import { StringDecoder } from 'node:string_decoder';

import { cutOff } from './http-transport.ts';

/** The JSON values of a stream of lines. A last line without its end was cut off and is left out. */
export async function* readJsonLines(chunks: AsyncIterable<Buffer>): AsyncGenerator {
  for await (const line of readLines(chunks)) {
    if (line !== '') yield parseLine(line);
  }
}

async function* readLines(chunks: AsyncIterable<Buffer>): AsyncGenerator<string> {
  const decoder = new StringDecoder('utf8');
  const parts: string[] = [];
  try {
    for await (const chunk of chunks) {
      const lines = decoder.write(chunk).split('\n');
      const last = lines.pop() ?? '';
      for (const [index, line] of lines.entries()) {
        yield index === 0 ? parts.splice(0).join('') + line : line;
      }
      // Pieces of one long line are joined once, at its end: joining at every chunk is quadratic.
      parts.push(last);
    }
  } catch (error) {
    throw cutOff(error);
  }
}

function parseLine(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch (error) {
    throw cutOff(error);
  }
}
