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

/** What a thread is asked: to run a module's transform, or only to load it. */
export type TransformTask = { module: string; input: TransformInput | null };

/** What a thread answers: bytes and content type of the result, or why there is none. */
export type Transformed =
  | { ok: true; bytes: Uint8Array; contentType: string }
  | { ok: false; message: string };
