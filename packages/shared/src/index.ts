export { isBullKey } from './bull-keys.ts';
export { clip } from './clip.ts';
export { duration, formatDuration, parseDuration } from './duration.ts';
export { type Egress, type Judgement } from './egress/egress-policy.ts';
export { closedPorts } from './egress/infrastructure-ports.ts';
export { judgeAddress } from './egress/judge-address.ts';
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
} from './envelope.ts';
export { type ErrorCode, type Fault, SluiceError, errorCodes, failedReason } from './errors.ts';
export { type Keys, defaultPrefix, keysOf, prefixSchema } from './keys.ts';
export { acknowledgeLua } from './lua/acknowledge.ts';
export { type ApplyVerdict, applyPolicyScript, applyVerdicts } from './lua/apply-policy.ts';
export { type ClaimVerdict, addedScript, claimScript, claimVerdicts } from './lua/dedup.ts';
export { expireCall } from './expire-call.ts';
export { expireScript } from './lua/expire.ts';
export { holdScript } from './lua/hold.ts';
export { keepLockScript } from './lua/keep-lock.ts';
export { type PermitVerdict, permitScript, permitVerdicts } from './lua/permit.ts';
export { putOffScript } from './lua/put-off.ts';
export { quarantineScript } from './lua/quarantine.ts';
export { removeStrayScript } from './lua/remove-stray.ts';
export { purgeScript, redriveScript, redriveVerdicts } from './lua/redrive.ts';
export { markScript, unmarkScript } from './lua/send-mark.ts';
export { trimFailedScript } from './lua/trim-failed.ts';
export { refundScript } from './lua/refund.ts';
export { releaseScript } from './lua/release.ts';
export { sealScript } from './lua/seal.ts';
export { acquireScript, acquireVerdicts, giveBackScript, renewScript } from './lua/semaphore.ts';
export { type Script } from './lua/script.ts';
export { failureMarker, outcomeMarker, settleScript, settleVerdicts } from './lua/settle.ts';
export { stalledLookScript } from './lua/stalled-look.ts';
export { unusedScript } from './lua/unused.ts';
export { watchScript, watchVerdicts } from './lua/watch.ts';
export { type Message, decodeMessage, encodeMessage } from './messages.ts';
export { type Method, methods } from './methods.ts';
export {
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
} from './outcome.ts';
export { type Gate, type Pacing, closedGate, pacingOf, unlimitedMax } from './pace.ts';
export { type Policy, type PolicyInput, policySchema, queueNameSchema } from './policy.ts';
export { type Rate, type RateInput, formatRate, rateSchema, storedRateSchema } from './rate.ts';
export { type HttpRequest } from './http-request.ts';
export { type NormalSpec, normalSpecSchema } from './normal-spec.ts';
export { type JobSpec, jobSpecSchema } from './spec.ts';
export {
  type Committed,
  type EndedJob,
  batchTtlMs,
  committedOf,
  replyTtlMs,
  settleCall,
} from './settle-call.ts';
export { readStoredPolicy } from './stored-policy.ts';
export { faultsText, validate } from './validate.ts';
