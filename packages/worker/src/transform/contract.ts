/** What a transform is given: a response that ended a job, whatever its status. */
export type TransformInput = {
  status: number;
  /** Lower-case names; several lines of one field as a list. */
  headers: Record<string, string | string[]>;
  /** The URL that answered, after redirects. */
  url: string;
  /** After decompression; the transform's own copy. */
  body: Uint8Array;
  /** What the caller gave with the job. */
  meta: unknown;
};

/**
 * The type of a module's `transform` export. What it returns, or resolves to, replaces the body: a JSON value, a text,
 * or bytes. What it throws ends the job as `transform-error`.
 */
export type Transform = (input: TransformInput) => unknown;

/**
 * The type of a module's `retryIf` export. It returns, or resolves to, false: the response stands; true: try again after
 * the usual backoff; a number: try again after so many ms.
 */
export type RetryIf = (input: TransformInput) => boolean | number | Promise<boolean | number>;

/** The functions that a module may export; at least one. */
export type Exported = 'transform' | 'retryIf';

/** What a thread is asked: to run a function of a module, or only to load it. */
export type TransformTask = { module: string; run: Exported; input: TransformInput | null };

/** What a thread answers: bytes and content type of the result, or why there is none. */
export type Transformed =
  | { ok: true; bytes: Uint8Array; contentType: string }
  | { ok: false; message: string };
