import { isClusterUrl } from '../url/cluster-url.ts';

/**
 * Whether a script may use keys that it does not name. Not in a Cluster: while a slot moves to another node, Redis sends
 * a script away whole only if it names its keys, and stops it in the middle if not. One that does the work of many jobs
 * has too many to name them.
 */
export function takesUnnamedKeys(url: string): boolean {
  return !isClusterUrl(url);
}
