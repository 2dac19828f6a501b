export { type Grant, type Scope, allows, covers, grantSchema, lacking, scopes } from './access/grants.ts';
export {
  type ApiKey,
  type NewKey,
  type StoredKey,
  apiKeySchema,
  graceSchema,
  newKeySchema,
  readStoredKey,
  readToken,
  tokenOf,
  withoutSecret,
} from './access/api-key.ts';
export {
  type AuditAction,
  type AuditEntry,
  actorOf,
  actorSchema,
  auditActions,
  auditEntrySchema,
} from './access/audit-entry.ts';
export { backlogFullLua, backlogFullReply } from './state/backlog.ts';
export { isBullKey } from './state/bull-keys.ts';
export { closestName } from './fields/closest.ts';
export { clip } from './fields/clip.ts';
export { loggedError } from './logged-error.ts';
export { excerpt, withoutQuery } from './fields/excerpt.ts';
export { type Duration, duration, formatDuration, parseDuration } from './fields/duration.ts';
export { type Egress, type Judgement } from './egress/egress-policy.ts';
export { capEgress } from './egress/cap-egress.ts';
export { closedPorts } from './egress/infrastructure-ports.ts';
export { judgeAddress } from './egress/judge-address.ts';
export { judgeLiteral, literalAddress } from './egress/judge-literal.ts';
export { type RequestJudgement, judgeHeaders, judgeMethod, judgeRequest } from './egress/judge-request.ts';
export { type UrlJudgement, judgeUrl } from './egress/judge-url.ts';
export { type Cidr, parseCidr } from './egress/parse-cidr.ts';
export {
  type Addressee,
  type Envelope,
  type EnvelopeRead,
  envelopeSchema,
  envelopeVersion,
  readEnvelope,
  readEnvelopeText,
} from './job/envelope.ts';
export {
  type ErrorCode,
  type Fault,
  SluiceError,
  errorCodes,
  failedReason,
  fault,
  pathText,
} from './errors.ts';
export { type Keys, defaultPrefix, keysOf, prefixSchema } from './state/keys.ts';
export { type Script, type ScriptArgument, defineScript } from './state/define-script.ts';
export {
  type WorkerRecord,
  decodeWorkerRecord,
  encodeWorkerRecord,
  serves,
  workerBeatMs,
  workerTtlMs,
} from './state/worker-record.ts';
export { announceScript, departScript } from './state/scripts/announce.ts';
export { bindBatchScript } from './state/scripts/bind-batch.ts';
export { acknowledgeScript } from './state/scripts/acknowledge.ts';
export {
  type Added,
  type AddsAsk,
  type AddsPlace,
  addArguments,
  addsLua,
  addsPlace,
  readAdded,
} from './state/scripts/adds.ts';
export { type ApplyReply, type ApplyVerdict, applyPolicyScript } from './state/scripts/apply-policy.ts';
export { type ChangeKeyVerdict, changeKeyScript, mostKeys } from './state/scripts/change-key.ts';
export { noteScript } from './state/scripts/note.ts';
export { type ClaimVerdict, addedScript, claimScript } from './state/scripts/dedup.ts';
export { type JobLook, type JobPlace, explainScript } from './state/scripts/explain.ts';
export { dutyBeatMs, dutyMs, dutyScript, leaveDutyScript } from './state/scripts/duty.ts';
export { failedLookScript } from './state/scripts/failed-look.ts';
export { nextDeadlineScript, overlookedDeadlinesScript, retryDeadlineMs } from './state/scripts/due.ts';
export { type OverviewReply, type QueueGlance, overviewScript } from './state/scripts/overview.ts';
export { type ExpireVerdict, expireScript } from './state/scripts/expire.ts';
export { giveBackScript } from './state/scripts/give-back.ts';
export { holdScript } from './state/scripts/hold.ts';
export { keepLockScript } from './state/scripts/keep-lock.ts';
export { type PermitReply, type PermitVerdict, permitScript } from './state/scripts/permit.ts';
export { putOffScript } from './state/scripts/put-off.ts';
export { quarantineScript } from './state/scripts/quarantine.ts';
export { removeStrayScript } from './state/scripts/remove-stray.ts';
export { type RedriveVerdict, purgeScript, redriveScript } from './state/scripts/redrive.ts';
export { releaseScript } from './state/scripts/release.ts';
export { sealScript } from './state/scripts/seal.ts';
export { acquireScript, acquireVerdicts, leaveScript, renewScript } from './state/scripts/semaphore.ts';
export { markScript, unmarkScript } from './state/scripts/send-mark.ts';
export {
  type Committed,
  type EndedJob,
  batchTtlMs,
  failureMarker,
  outcomeMarker,
  replyTtlMs,
  settleCall,
  settleScript,
  readsJoined,
  settlePart,
} from './state/scripts/settle.ts';
export {
  type TurnAnswer,
  type TurnAsk,
  type TurnPlace,
  finishedJobKey,
  readTurnAnswer,
  turnLua,
  turnPlace,
} from './state/scripts/turn.ts';
export { startEvenlyScript } from './state/scripts/start-evenly.ts';
export { stalledLookScript } from './state/scripts/stalled-look.ts';
export { trimFailedScript } from './state/scripts/trim-failed.ts';
export { type WatchReply, watchScript } from './state/scripts/watch.ts';
export { type Message, decodeMessage, encodeMessage } from './state/messages.ts';
export { type Method, methods } from './fields/methods.ts';
export { endsField, readEnds } from './job/ends.ts';
export {
  type AttemptEnd,
  type Outcome,
  type OutcomeKind,
  type ResponseHead,
  type Settled,
  type StoredBody,
  codeOfOutcome,
  decodeSettled,
  encodeSettled,
  outcomeError,
  outcomeKinds,
} from './job/outcome.ts';
export { namedFields, withNamed } from './policy/named-fields.ts';
export { type Gate, type Pacing, closedGate, pacingOf, unlimitedMax } from './policy/pace.ts';
export { type Policy, egressSchema, policySchema, queueNameSchema } from './policy/policy.ts';
export type {
  EgressSpec,
  JobRetry,
  PolicyInput,
  RateInput,
  RateSpec,
  RetrySpec,
} from './policy/policy-types.ts';
export { type Rate, formatRate, rateSchema, storedRateSchema } from './policy/rate.ts';
export { longRate, parseRateText } from './policy/rate-text.ts';
export { type HttpRequest } from './job/http-request.ts';
export { type NormalSpec, normalSpecSchema } from './job/normal-spec.ts';
export { plainSpec } from './job/plain-spec.ts';
export { jobSpecSchema } from './job/spec.ts';
export type { JobSpec, RequestSpec } from './job/spec-types.ts';
export { type Time, timeSchema } from './fields/time.ts';
export type { Body } from './job/body.ts';
export type { HeaderFields } from './job/headers.ts';
export type { SearchParams } from './job/target.ts';
export { readStoredPolicy, storedPolicy } from './policy/stored-policy.ts';
export { isObject } from './fields/is-object.ts';
export { faultsText, parse, validate } from './validate.ts';
export { type Reader, variables, variablesOf } from './variables.ts';
