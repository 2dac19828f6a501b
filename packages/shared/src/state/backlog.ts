/** The field of BullMQ's hash `meta` that bounds the jobs of a queue that wait: `MOST PACE_US`; absent: no bound. */
export const backlogField = 'sluice:maxBacklog';

/** The code of the error that an add is answered with in Redis when the queue is full. */
export const backlogFullReply = 'SLUICE_BACKLOG_FULL';
