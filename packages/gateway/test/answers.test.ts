import { expectTypeOf, test } from 'vitest';
import type { z } from 'zod';
import type {
  BatchProgress,
  CancelResult,
  DeadLetter,
  Explanation,
  Outcome,
  QueueState,
  Schedule,
  WorkerRecord,
} from '../../producer/src/index.ts';
import type {
  cancelSchema,
  deadLetterSchema,
  explanationSchema,
  outcomeSchema,
  progressSchema,
  queueStateSchema,
  scheduleSchema,
  workerSchema,
} from '../src/schema/answers.ts';

type Answer<S extends z.ZodType> = z.output<S>;

// Held by the compiler (`npm run typecheck`): a field that the library gets, or drops, is missed here.
test('the schemas of answers are the types of the library', () => {
  expectTypeOf<Answer<typeof outcomeSchema>>().toEqualTypeOf<Outcome>();
  expectTypeOf<Answer<typeof explanationSchema>>().toEqualTypeOf<Explanation>();
  expectTypeOf<Answer<typeof progressSchema>>().toEqualTypeOf<BatchProgress>();
  expectTypeOf<Answer<typeof workerSchema>>().toEqualTypeOf<WorkerRecord>();
  expectTypeOf<Answer<typeof cancelSchema>['result']>().toEqualTypeOf<CancelResult>();
  // A policy, a spec and a request are what their own schemas say.
  expectTypeOf<Omit<Answer<typeof queueStateSchema>, 'policy'>>().toEqualTypeOf<Omit<QueueState, 'policy'>>();
  expectTypeOf<Omit<Answer<typeof deadLetterSchema>, 'spec'>>().toEqualTypeOf<Omit<DeadLetter, 'spec'>>();
  expectTypeOf<Omit<Answer<typeof scheduleSchema>, 'request'>>().toEqualTypeOf<Omit<Schedule, 'request'>>();
});
