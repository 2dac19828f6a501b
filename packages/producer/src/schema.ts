import type { StandardSchemaV1 } from '@standard-schema/spec';
import { SluiceError, fault, faultsText } from '@sluice/shared';

/** Any schema of the Standard Schema interface: zod, valibot, arktype and others. */
export type Schema<T = unknown> = StandardSchemaV1<unknown, T>;

/** The type that a schema gives a value; without a schema, unknown. */
export type Parsed<S extends StandardSchemaV1 | undefined> = S extends StandardSchemaV1
  ? StandardSchemaV1.InferOutput<S>
  : unknown;

/** A response whose JSON does not fit the schema. Its code is SLUICE_BAD_RESPONSE. */
export class SchemaError extends SluiceError {
  override readonly name = 'SchemaError';
  /** What the schema found, as its library says it. */
  readonly issues: readonly StandardSchemaV1.Issue[];

  constructor(what: string, issues: readonly StandardSchemaV1.Issue[]) {
    const faults = issues.map(({ path = [], message }) => fault(path.map(partOf), message));
    super('SLUICE_BAD_RESPONSE', `${what} does not fit the schema: ${faultsText(faults)}`, { faults });
    this.issues = issues;
  }
}

function partOf(part: PropertyKey | StandardSchemaV1.PathSegment): string | number {
  const key = typeof part === 'object' ? part.key : part;
  return typeof key === 'symbol' ? String(key) : key;
}

/** What a schema makes of a value. @throws SchemaError */
export async function parsedBy<S extends StandardSchemaV1>(
  schema: S,
  value: unknown,
  what: string,
): Promise<StandardSchemaV1.InferOutput<S>> {
  const result = await schema['~standard'].validate(value);
  if (result.issues !== undefined) throw new SchemaError(what, result.issues);
  return result.value;
}
