import { connect } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { setTimeout as sleep } from 'node:timers/promises';

/** @typedef {{ product: 'Redis' | 'Valkey', version: string }} Version */

const oldestMajor = { Redis: 7, Valkey: 8 };

/** Why a server cannot be used, or undefined when it can. */
export function tooOld({ product, version }) {
  const oldest = oldestMajor[product];
  return Number.parseInt(version, 10) >= oldest ? undefined : `${product} ${version} is older than ${oldest}`;
}

/** Reads what `redis-server --version` prints; undefined when it is something else. */
export function serverVersion(text) {
  const version = /\bv=(\d+\.\d+\.\d+)/.exec(text)?.[1];
  return version && { product: /valkey/i.test(text) ? 'Valkey' : 'Redis', version };
}

const encode = (...words) =>
  `*${words.length}\r\n${words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join('')}`;

function ask(url, timeout) {
  return new Promise((resolve, reject) => {
    const { protocol, hostname, port, username, password } = new URL(url);
    if (protocol !== 'redis:' && protocol !== 'rediss:') {
      throw new TypeError(`"${protocol}//" is not redis:// or rediss://`);
    }
    const host = hostname.replace(/^\[(.*)\]$/, '$1');
    const address = { host, port: Number(port || 6379) };
    const socket = protocol === 'rediss:' ? connectTls({ ...address, servername: host }) : connect(address);
    const finish = (act, value) => {
      clearTimeout(timer);
      socket.destroy();
      act(value);
    };
    const timer = setTimeout(
      () => finish(reject, new Error(`${host}:${address.port} does not answer`)),
      timeout,
    );
    let reply = '';
    socket.setEncoding('utf8');
    socket.on('error', (error) => finish(reject, error));
    socket.on('close', () => finish(reject, new Error(`${host}:${address.port} closed the connection`)));
    socket.on('data', (chunk) => {
      reply += chunk;
      const refused = /(?:^|\r\n)-(.*)\r\n/.exec(reply);
      if (refused) return finish(reject, new Error(refused[1]));
      const version = /\bredis_version:(\S+)\r\n/.exec(reply)?.[1];
      if (!version || !reply.includes('\r\nconfig_file:')) return;
      const valkey = /\bvalkey_version:(\S+)\r\n/.exec(reply)?.[1];
      finish(resolve, valkey ? { product: 'Valkey', version: valkey } : { product: 'Redis', version });
    });
    if (password) {
      const words = [decodeURIComponent(username), decodeURIComponent(password)].filter(Boolean);
      socket.write(encode('AUTH', ...words));
    }
    socket.write(encode('INFO', 'server'));
  });
}

/**
 * Asks the server at `url` what it is, again and again until it answers or `patience` ms have passed.
 * @returns {Promise<Version>}
 */
export async function askVersion(url, patience) {
  const end = Date.now() + patience;
  for (;;) {
    try {
      return await ask(url, Math.max(100, end - Date.now()));
    } catch (error) {
      const starting = error.code === 'ECONNREFUSED' || /^LOADING|closed the connection/.test(error.message);
      if (!starting || Date.now() + 50 > end) throw error;
      await sleep(50);
    }
  }
}
