import { fileURLToPath } from 'node:url';
import { z } from 'zod';

/** Where large bodies are kept. */
export type BodyStoreLocation =
  /** A directory that workers and producers share. */
  | { type: 'filesystem'; directory: string }
  /** `endpoint` and `region` null: taken from the environment (AWS_REGION and the like). */
  | { type: 's3'; bucket: string; prefix: string; endpoint: string | null; region: string | null };

const bucketName = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;

// oxlint-disable-next-line no-control-regex -- control characters are what it looks for
const controlCharacter = /[\u0000-\u001f\u007f]/;

/** The path of a URL with its %XX decoded; or what is wrong with it. */
function decodedPath(url: URL): { path: string } | string {
  try {
    const path = decodeURIComponent(url.pathname);
    return controlCharacter.test(path) ? 'has a control character in its path; remove it' : { path };
  } catch {
    return 'has a bad percent sign in its path; write a literal % as %25';
  }
}

function filesystem(url: URL): BodyStoreLocation | string {
  if (url.host !== '' || url.search !== '' || url.hash !== '' || url.pathname === '/') {
    return 'must be of the form file:///directory';
  }
  // It could mean either.
  if (/%2f/i.test(url.pathname)) return 'has an encoded slash (%2F) in its path; write /';
  const decoded = decodedPath(url);
  if (typeof decoded === 'string') return decoded;
  return { type: 'filesystem', directory: fileURLToPath(url) };
}

function s3(url: URL): BodyStoreLocation | string {
  if (url.username !== '' || url.password !== '') {
    return 'has credentials; give them in the environment (AWS_ACCESS_KEY_ID and the like)';
  }
  if (!bucketName.test(url.host)) return `"${url.host}" is not the name of a bucket`;
  for (const name of url.searchParams.keys()) {
    if (name !== 'endpoint' && name !== 'region') return `has an unknown option "${name}"`;
  }
  const endpoint = url.searchParams.get('endpoint');
  if (endpoint !== null && !/^https?:$/.test(URL.parse(endpoint)?.protocol ?? '')) {
    return `its endpoint "${endpoint}" is not an http or https URL`;
  }
  const decoded = decodedPath(url);
  if (typeof decoded === 'string') return decoded;
  const prefix = decoded.path.replaceAll(/^\/+|\/+$/g, '');
  return { type: 's3', bucket: url.host, prefix, endpoint, region: url.searchParams.get('region') };
}

/** `file:///var/lib/sluice/bodies`, or `s3://bucket/prefix?endpoint=https://…&region=…`. */
export const bodyStoreUrlSchema = z.string().transform((text, ctx): BodyStoreLocation => {
  const url = URL.parse(text);
  let location: BodyStoreLocation | string = 'must be a file: or s3: URL';
  if (url?.protocol === 'file:') location = filesystem(url);
  if (url?.protocol === 's3:') location = s3(url);
  if (typeof location !== 'string') return location;
  ctx.addIssue(location);
  return z.NEVER;
});
