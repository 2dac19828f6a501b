import { nodeOf } from './cluster-connector.ts';
import type { News } from './follow.ts';
import { formatHost } from '../url/hosts.ts';
import type { Asker, SlotOwner } from './slot-owner.ts';

/** How soon clients notice another owner of the slot if the old one does not tell them, ms. */
const everyMs = 1000;

/**
 * A node of a Cluster that no longer owns a slot says so to whoever sends a command; but not when it is frozen, and not
 * to clients that only listen. So we ask some node now and then.
 */
export function clusterNews(owner: SlotOwner): News {
  return (switched) => {
    let asker: Asker | undefined;
    let last: string | undefined;
    let isOver = false;
    let timer: NodeJS.Timeout;
    const look = async () => {
      try {
        asker ??= await owner.open();
        if (isOver) return asker.close();
        const now = formatHost(await asker.owner());
        if (last !== undefined && now !== last) switched(({ stream }) => nodeOf(stream) === now);
        last = now;
      } catch {
        // Another node is asked.
        asker?.close();
        asker = undefined;
      }
      if (!isOver) schedule();
    };
    const schedule = () => {
      timer = setTimeout(() => void look(), everyMs);
      timer.unref();
    };
    schedule();
    return () => {
      isOver = true;
      clearTimeout(timer);
      asker?.close();
    };
  };
}
