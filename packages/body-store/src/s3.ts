import { Readable } from 'node:stream';
import { type BodyStoreLocation } from './url.ts';
import { SluiceError } from '@sluice/shared';
import type { BodyStore } from './body-store.ts';
import { interruptible } from './interruptible.ts';
import { checkedKey } from './key.ts';

/** The size of a part of a multipart upload, and how many are in memory at once: 16 MiB per body being stored. */
const partBytes = 8 * 2 ** 20;
const partsAtOnce = 2;

type Location = BodyStoreLocation & { type: 's3' };

async function load() {
  try {
    const [client, storage] = await Promise.all([
      import('@aws-sdk/client-s3'),
      import('@aws-sdk/lib-storage'),
    ]);
    return { ...client, Upload: storage.Upload };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const need = 'a body store on S3 needs packages that are not installed with Sluice';
    const cure = 'npm install @aws-sdk/client-s3 @aws-sdk/lib-storage';
    throw new SluiceError('SLUICE_INVALID_CONFIG', `${need}: ${cure} (${reason})`, { cause: error });
  }
}

type Sdk = Awaited<ReturnType<typeof load>>;

/** @throws SluiceError SLUICE_INVALID_CONFIG when the S3 client is not installed, or cannot be configured */
export async function openS3BodyStore(location: Location): Promise<BodyStore> {
  return new S3BodyStore(await load(), location);
}

/**
 * Bodies as objects: `s3://<bucket>/<prefix>/<key>`. S3 shows an object only when it is complete. A lifecycle rule of
 * the bucket must delete what expires, and the multipart uploads that killed workers left.
 */
class S3BodyStore implements BodyStore {
  readonly #sdk: Sdk;
  readonly #client: InstanceType<Sdk['S3Client']>;
  readonly #location: Location;

  constructor(sdk: Sdk, location: Location) {
    this.#sdk = sdk;
    this.#location = location;
    const { endpoint, region } = location;
    this.#client = new sdk.S3Client({
      ...(region === null ? {} : { region }),
      // Stores other than AWS seldom have a host name for each bucket.
      ...(endpoint === null ? {} : { endpoint, forcePathStyle: true }),
      // This counts until the head of the answer. A part is sent from memory, and reading a body slowly is no fault.
      requestHandler: { connectionTimeout: 10_000, requestTimeout: 60_000, throwOnRequestTimeout: true },
      // Nor do they all know the checksums of 2024. The outcome has a SHA-256 of its own.
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
    });
  }

  async put(key: string, body: AsyncIterable<Uint8Array>, signal?: AbortSignal): Promise<void> {
    // The abort ends the source, and then the upload deletes its parts. Its own abort() would leave them.
    const source = Readable.from(interruptible(body, signal), { objectMode: false });
    const upload = new this.#sdk.Upload({
      client: this.#client,
      params: { ...this.#object(key), Body: source },
      partSize: partBytes,
      queueSize: partsAtOnce,
    });
    await upload.done();
  }

  async get(key: string): Promise<Readable> {
    try {
      const { Body } = await this.#client.send(new this.#sdk.GetObjectCommand(this.#object(key)));
      if (Body instanceof Readable) return Body;
      throw new Error('the answer has no body');
    } catch (error) {
      const reason = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
      throw new SluiceError('SLUICE_BODY_STORE', `the body ${key} cannot be read from S3: ${reason}`, {
        cause: error,
      });
    }
  }

  async delete(key: string): Promise<void> {
    await this.#client.send(new this.#sdk.DeleteObjectCommand(this.#object(key)));
  }

  /** The bucket's lifecycle rule does this. */
  sweep(): Promise<number> {
    return Promise.resolve(0);
  }

  close(): void {
    this.#client.destroy();
  }

  #object(key: string): { Bucket: string; Key: string } {
    const { bucket, prefix } = this.#location;
    return { Bucket: bucket, Key: `${prefix === '' ? '' : `${prefix}/`}${checkedKey(key)}` };
  }
}
